#!/usr/bin/env bash
# The tests as the pipelines run them: the same as `make test`, with JUnit results and coverage in reports/.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p reports
.venv/bin/python -m pytest -n 2 --dist worksteal --junitxml reports/tests.xml \
    --cov mlops_core --cov my_mlops_stacks --cov-report xml:reports/coverage.xml --cov-report term:skip-covered "$@"
