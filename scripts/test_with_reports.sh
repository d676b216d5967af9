#!/usr/bin/env bash
# The tests as the pipelines run them: the same as `make test`, with JUnit results and coverage in reports/.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p reports
coverage=()
for code in mlops_core/ */databricks.yml; do
    [ ! -e "$code" ] || coverage+=(--cov "${code%%/*}")
done
.venv/bin/python -m pytest -n 2 --dist worksteal --junitxml reports/tests.xml \
    "${coverage[@]}" --cov-report xml:reports/coverage.xml --cov-report term:skip-covered "$@"
