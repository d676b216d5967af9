#!/usr/bin/env bash
# Load the code location of every target of databricks.yml, as Dagster does when it is deployed.
set -euo pipefail
cd "$(dirname "$0")/.."
# A target with an alert channel does not load without them; nothing is sent.
export ALERT_TEAMS_WEBHOOK_URL=https://example.invalid ALERT_EMAIL_FROM=a@example.invalid ALERT_EMAIL_TO=b@example.invalid \
    ALERT_EMAIL_PASSWORD=none ALERT_SMTP_HOST=smtp.example.invalid
targets=$(.venv/bin/python -c 'import yaml; print(*yaml.safe_load(open("my_mlops_stacks/databricks.yml"))["targets"])')
for target in $targets; do
    echo "Target $target"
    MLOPS_TARGET=$target .venv/bin/python -m dagster definitions validate --module-name my_mlops_stacks.definitions
done
