#!/usr/bin/env bash
# The bundle of a project on one target, for the pipelines: scripts/bundle.sh PROJECT validate|plan|deploy|destroy TARGET [FOLDER]
# `plan` writes plan.txt and plan.json into FOLDER; `deploy` with a FOLDER applies its plan.json and nothing else.
set -euo pipefail

usage() {
    echo "Name a project, what to do, and to which target: scripts/bundle.sh PROJECT validate|plan|deploy|destroy TARGET [FOLDER]" >&2
    exit 2
}

[ $# -ge 3 ] || usage
project=$1 verb=$2 target=$3 plan=${4:-}
cd "$(dirname "$0")/.."
[ -f "$project/databricks.yml" ] || usage
cd "$project"

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
