#!/usr/bin/env bash
# Put the pyspark of Databricks' runtime into .venv, as scripts/install_pyspark.sh 4.1: the step launcher compares them.
set -euo pipefail
cd "$(dirname "$0")/.."
requirement="pyspark[connect]==$1.*"
if command -v uv >/dev/null; then
    uv pip install --quiet --python .venv/bin/python -c constraints.txt "$requirement"
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        -c <(scripts/versions_alone.sh) "$requirement"
fi
