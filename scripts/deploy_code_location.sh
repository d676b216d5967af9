#!/usr/bin/env bash
# Deploy an image as a project's code location:
#   scripts/deploy_code_location.sh --project NAME --target staging|prod --image REFERENCE [--kind kubernetes|dagster-plus|compose]
# It ends when the new code location serves its definitions, and fails when it does not. What each kind takes from the
# environment is in docs/deployment.md.
set -euo pipefail
cd "$(dirname "$0")/.."

CHART_VERSION=1.13.27 # of Dagster's chart; the image has Dagster 1.13 as well

fail() {
    echo "$1" >&2
    exit 1
}

# Write a template of deploy/ to a file, with every ${NAME} in it replaced by the environment's value.
render() {
    python3 - "$1" "$2" <<'PYTHON'
import os, pathlib, string, sys
template = string.Template(pathlib.Path(sys.argv[1]).read_text())
try:
    pathlib.Path(sys.argv[2]).write_text(template.substitute(os.environ))
except KeyError as missing:
    sys.exit(f"{sys.argv[1]} needs the environment variable {missing.args[0]}: set it.")
PYTHON
}

deploy_to_kubernetes() {
    local namespace=${KUBERNETES_NAMESPACE:-dagster-$target}
    kubectl get configmap "$SLUG-env" --namespace "$namespace" --output name ||
        fail "The namespace $namespace has no ConfigMap $SLUG-env, which says where Databricks is: docs/deployment.md makes it."
    # Before the last colon and after it: the chart puts one between them, and they are the reference again.
    export IMAGE_REPOSITORY=${image%:*} IMAGE_TAG=${image##*:} TOKEN_AUDIENCE=${TOKEN_AUDIENCE:-databricks}
    render deploy/kubernetes/code-location-values.yaml.template "$folder/values.yaml"
    # A file, not --set: --set on an item of a list replaces the whole item.
    helm upgrade "$SLUG" dagster-user-deployments --install --repo https://dagster-io.github.io/helm \
        --version "$CHART_VERSION" --namespace "$namespace" --values "$folder/values.yaml" --atomic --wait --timeout 10m
}

deploy_to_dagster_plus() {
    # The deployment is always named: what guesses it from git takes the detached HEAD of a pipeline for prod.
    local deployment=${DAGSTER_CLOUD_DEPLOYMENT:-$target}
    [ -n "${DAGSTER_CLOUD_ORGANIZATION:-}" ] || fail "Set DAGSTER_CLOUD_ORGANIZATION to the name of your organization."
    [ -n "${DAGSTER_CLOUD_API_TOKEN:-}" ] || fail "Set DAGSTER_CLOUD_API_TOKEN: the pipeline reads it from its secret store."
    export TOKEN_AUDIENCE=${TOKEN_AUDIENCE:-databricks}
    render deploy/dagster_cloud.yaml.template "$folder/dagster_cloud.yaml"
    dagster-cloud deployment add-location "$project" --from "$folder/dagster_cloud.yaml" --image "$image" \
        --organization "$DAGSTER_CLOUD_ORGANIZATION" --deployment "$deployment" --location-load-timeout 600
}

deploy_with_compose() {
    docker compose --file deploy/compose.yaml --project-name "$SLUG-$target" up \
        --detach --wait --wait-timeout 600 --remove-orphans
}

kind=kubernetes project='' target='' image=''
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value."
    case $1 in
    --kind) kind=$2 ;;
    --project) project=$2 ;;
    --target) target=$2 ;;
    --image) image=$2 ;;
    *) fail "$1 is unknown: give --project, --target, --image and --kind." ;;
    esac
    shift 2
done
[ -n "$project" ] && [ -f "$project/databricks.yml" ] ||
    fail "The project is '$project': name a folder that has a databricks.yml with --project."
[[ $target =~ ^(staging|prod)$ ]] || fail "The target is '$target': choose staging or prod with --target."
# By its digest: somebody may have moved a tag since it was tested.
[[ $image =~ ^[^[:space:]@]+@sha256:[0-9a-f]{64}$ ]] ||
    fail "The image is '$image': give the reference that scripts/build_image.sh printed, with its digest, to --image."

# A target may have no channel, or another one. The definitions say what theirs lacks.
for secret in ALERT_TEAMS_WEBHOOK_URL ALERT_EMAIL_PASSWORD; do
    [[ ${!secret:-} != "\$("* ]] || unset "$secret"
done

# A pipeline passes on a variable that nothing defines as it is written.
undefined=$(env | grep -oE '^(ALERT|AZURE|DAGSTER|DATABRICKS|KUBERNETES|TOKEN)_[A-Z_]+=\$\(' | cut -d = -f 1 | paste -s -d ' ' - || true)
[ -z "$undefined" ] || fail "No value reached $undefined: define it in the variable group that docs/mlops-setup.md names."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Kubernetes takes no underscore in a name.
export MLOPS_TARGET=$target IMAGE=$image MLOPS_PROJECT=$project SLUG=${project//_/-}
case $kind in
kubernetes) deploy_to_kubernetes ;;
dagster-plus) deploy_to_dagster_plus ;;
compose) deploy_with_compose ;;
*) fail "The kind is '$kind': choose kubernetes, dagster-plus or compose with --kind." ;;
esac
