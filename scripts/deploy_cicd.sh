#!/usr/bin/env bash
# What the pipeline deploy-cicd runs: set up the project PROJECT_NAME on a branch with a pull request. KIND_OF_PROBLEM,
# SOURCE_TABLE, LABEL and EVENT_TIME say what a new project is; without a table it is a toy problem. AZURE_DEVOPS_TOKEN is
# that of the account which pushes the branch.
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

# In git's environment, not in its arguments, which other users of the machine can read.
if [ -n "${AZURE_DEVOPS_TOKEN:-}" ] && [ -n "${SYSTEM_COLLECTIONURI:-}" ]; then
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.$SYSTEM_COLLECTIONURI.extraHeader"
    export GIT_CONFIG_VALUE_0="Authorization: Bearer $AZURE_DEVOPS_TOKEN"
fi
scripts/cicd.sh cicd "$PROJECT_NAME" --pull-request -- "${new[@]}"
