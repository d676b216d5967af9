#!/usr/bin/env bash
# Load the code location of every target, as Dagster does when it is deployed: scripts/validate_definitions.sh [PROJECT...]
# Without a project, those of all.
set -euo pipefail
cd "$(dirname "$0")/.."
# A target with an alert channel does not load without them; nothing is sent.
export ALERT_TEAMS_WEBHOOK_URL=https://example.invalid ALERT_EMAIL_FROM=a@example.invalid ALERT_EMAIL_TO=b@example.invalid \
    ALERT_EMAIL_PASSWORD=none ALERT_SMTP_HOST=smtp.example.invalid
if [ $# -eq 0 ]; then
    bundles=(*/databricks.yml)
    set -- "${bundles[@]%/databricks.yml}"
fi
for project in "$@"; do
    if [ ! -f "$project/databricks.yml" ]; then
        echo "There is no project '$project' here: a project is a folder with a databricks.yml." >&2
        exit 1
    fi
    targets=$(.venv/bin/python -c 'import sys, yaml; print(*yaml.safe_load(open(sys.argv[1]))["targets"])' "$project/databricks.yml")
    for target in $targets; do
        echo "Project $project, target $target"
        MLOPS_TARGET=$target .venv/bin/python -m dagster definitions validate --module-name "$project.definitions"
    done
done
