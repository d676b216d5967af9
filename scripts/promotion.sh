#!/usr/bin/env bash
# What the pipeline of promotions does: scripts/promotion.sh show|promote PROJECT
# What somebody types comes as values of the environment: PROMOTED_VERSION, PROMOTION_REASON, and PROMOTED_MODEL where the
# project has several. After the approval it asks Azure DevOps whose it was, and launches promote_job where Dagster's webserver
# runs. KUBERNETES_NAMESPACE is dagster-prod unless it is set.
set -euo pipefail
cd "$(dirname "$0")/.."

act=${1:-} project=${2:-}
if [ ! -f "$project/databricks.yml" ]; then
    echo "The project is '$project': name one after show or promote." >&2
    exit 2
fi
if [[ ! ${PROMOTED_VERSION:-} =~ ^[1-9][0-9]*$ ]]; then
    echo "The version is '${PROMOTED_VERSION:-}': start the run with the number of the challenger's." >&2
    exit 2
fi
what=(--version "$PROMOTED_VERSION")
[ -z "${PROMOTED_MODEL:-}" ] || what+=(--model "$PROMOTED_MODEL")

case $act in
show)
    summary=${AGENT_TEMPDIRECTORY:-$(mktemp -d)}/challenger.md
    .venv/bin/python -m "$project" challenger --target prod "${what[@]}" --summary "$summary"
    echo "##vso[task.uploadsummary]$summary"
    ;;
promote)
    approver=$(scripts/cicd.sh cicd.azure_devops.approver)
    page="${SYSTEM_COLLECTIONURI%/}/$SYSTEM_TEAMPROJECT/_build/results?buildId=$BUILD_BUILDID"
    kubectl exec --namespace "${KUBERNETES_NAMESPACE:-dagster-prod}" deployment/dagster-dagster-webserver -- \
        python -m "$project" promote "${what[@]}" --approved-by "$approver" --approved-in "${page// /%20}" \
        --reason "$PROMOTION_REASON"
    ;;
*)
    echo "'$act' is neither show nor promote." >&2
    exit 2
    ;;
esac
