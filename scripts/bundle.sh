#!/usr/bin/env bash
# The bundle of one target, for the pipelines: scripts/bundle.sh validate|plan|deploy|destroy TARGET [FOLDER]
# `plan` writes plan.txt and plan.json into FOLDER; `deploy` with a FOLDER applies its plan.json and nothing else.
set -euo pipefail

usage() {
    echo "Say what to do, and to which target: scripts/bundle.sh validate|plan|deploy|destroy TARGET [FOLDER]" >&2
    exit 2
}

[ $# -ge 2 ] || usage
verb=$1 target=$2 plan=${3:-}
cd "$(dirname "$0")/../my_mlops_stacks"

case $verb in
validate)
    databricks bundle validate --target "$target"
    ;;
plan)
    [ -n "$plan" ] || usage
    mkdir -p "$plan"
    databricks bundle plan --target "$target" --output json >"$plan/plan.json"
    databricks bundle plan --target "$target" | tee "$plan/plan.txt"
    # On the page of the run, where whoever approves looks.
    { echo "## Plan of $target" && echo && sed 's/^/    /' "$plan/plan.txt"; } >"$plan/plan.md"
    echo "##vso[task.uploadsummary]$plan/plan.md"
    ;;
deploy)
    if [ -n "$plan" ]; then
        databricks bundle deploy --target "$target" --plan "$plan/plan.json"
    else
        databricks bundle deploy --target "$target"
    fi
    ;;
destroy)
    if [ "$target" != test ]; then
        echo "Only the target test is destroyed by a script; docs/mlops-setup.md says how to tear down $target." >&2
        exit 2
    fi
    databricks bundle destroy --target test --auto-approve
    ;;
*)
    usage
    ;;
esac
