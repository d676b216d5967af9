#!/usr/bin/env bash
# What the pipeline deploy-cicd runs: set up the project PROJECT_NAME on a branch with a pull request. KIND_OF_PROBLEM,
# SOURCE_TABLE, LABEL and EVENT_TIME say what a new project is; without a table it is a toy problem.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PROJECT_NAME:?Set PROJECT_NAME to the name of the project}"

new=(--yes)
[ -z "${KIND_OF_PROBLEM:-}" ] || new+=(--kind "$KIND_OF_PROBLEM")
if [ -n "${SOURCE_TABLE:-}" ]; then
    new+=(--rows "$SOURCE_TABLE")
else
    new+=(--toy)
fi
[ -z "${LABEL:-}" ] || new+=(--label "$LABEL")
[ -z "${EVENT_TIME:-}" ] || new+=(--event-time "$EVENT_TIME")

if [ ! -d cicd ]; then
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    tar -xzf cicd.tar.gz -C "$unpacked"
    export PYTHONPATH=$unpacked${PYTHONPATH:+:$PYTHONPATH}
fi
.venv/bin/python -m cicd "$PROJECT_NAME" --pull-request -- "${new[@]}"
