#!/usr/bin/env bash
# The bundle of a project on one target, for the pipelines:
# scripts/bundle.sh PROJECT validate|plan|deploy|destroy TARGET [FOLDER [APPROVED]]
# `plan` writes plan.txt and plan.json into FOLDER. `deploy` with a FOLDER makes the plan there and applies it, unless a later
# commit is deployed already, or the plan would do what that of the folder APPROVED did not say.
set -euo pipefail

usage() {
    echo "Name a project, what to do, and to which target: scripts/bundle.sh PROJECT validate|plan|deploy|destroy TARGET [FOLDER [APPROVED]]" >&2
    exit 2
}

[ $# -ge 3 ] || usage
project=$1 verb=$2 target=$3 plan=${4:-} approved=${5:-}
cd "$(dirname "$0")/.."
[ -f "$project/databricks.yml" ] || usage
cd "$project"

make_plan() {
    mkdir -p "$plan"
    databricks bundle plan --target "$target" --output json >"$plan/plan.json"
    databricks bundle plan --target "$target" | tee "$plan/plan.txt"
    # On the page of the run, where whoever approves looks.
    { echo "## Plan of $target" && echo && sed 's/^/    /' "$plan/plan.txt"; } >"$plan/plan.md"
    echo "##vso[task.uploadsummary]$plan/plan.md"
}

# The commit that was deployed last: the CLI writes it beside the bundle's state.
deployed_commit() {
    local state
    state=$(databricks bundle validate --target "$target" --output json |
        ../.venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["workspace"]["state_path"])')
    databricks workspace export "$state/metadata.json" | sed -n 's/^ *"commit": "\([0-9a-f]\{40\}\)".*/\1/p'
}

refuse_older() {
    local deployed
    deployed=$(deployed_commit) || echo "No earlier deployment is known" >&2
    if [ -n "$deployed" ] && [ "$deployed" != "$(git rev-parse HEAD)" ] &&
        git merge-base --is-ancestor HEAD "$deployed" 2>/dev/null; then
        echo "$target has commit $deployed already, which is later than this one: start a new run." >&2
        exit 1
    fi
}

# The names that a new project has in their place.
if [ "$target" = prod ] && grep -qE '^ *- service_principal_name: (0{8}|1{8})-' databricks.yml; then
    echo "$project/databricks.yml names nobody as who deploys and who plans prod: write the application ids of mlops-prod and mlops-prod-plan in the place of the zeros and the ones." >&2
    exit 1
fi

case $verb in
validate)
    databricks bundle validate --target "$target"
    ;;
plan)
    [ -n "$plan" ] || usage
    make_plan
    ;;
deploy)
    if [ -n "$plan" ]; then
        refuse_older
        make_plan
        [ -z "$approved" ] || ../.venv/bin/python ../scripts/exceeding_plan.py "$approved/plan.json" "$plan/plan.json"
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
