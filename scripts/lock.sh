#!/usr/bin/env bash
# Choose the version of every package that any extra of setup.cfg brings, and keep the choice in constraints.txt with the
# hashes of its files: set-up then takes what was tested, whatever was released or replaced since. pyspark is left out: it follows Databricks' runtime.
set -euo pipefail
cd "$(dirname "$0")/.."
constraints=()
for requirements in */requirements.txt; do
    constraints+=(-c "$requirements") # what the clusters of each project get
done
PATH=.venv/bin:$PATH uv pip compile setup.cfg --quiet --upgrade --universal --python-version 3.11 --all-extras \
    "${constraints[@]}" --generate-hashes --no-annotate --no-header --no-emit-package pyspark -o constraints.txt
echo "constraints.txt is written: run 'make setup lint test', then commit it"
