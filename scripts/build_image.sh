#!/usr/bin/env bash
# Build a project's image of a commit and push it: scripts/build_image.sh PROJECT REGISTRY COMMIT
# The last line of the output is the image's reference, by its digest, which names these very bytes. An image that is in the
# registry is not built again, so that a pipeline that runs twice never replaces what another environment has tested. Sign
# in to the registry before.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "$1" >&2
    exit 1
}

[ $# -eq 3 ] || fail "Name project, registry and commit: scripts/build_image.sh churn myregistry.azurecr.io \$(git rev-parse HEAD)"
project=$1 registry=${2%/} commit=$3
[ -f "$project/databricks.yml" ] || fail "There is no project '$project' here: a project is a folder with a databricks.yml."
[[ $commit =~ ^[0-9a-f]{40}$ ]] || fail "The commit is '$commit': give its 40 digits, as git rev-parse HEAD prints them."
git diff --quiet "$commit" -- . || fail "The files differ from commit $commit: commit the changes, or check it out, and build again."
reference=$registry/$project:$commit

if said=$(docker manifest inspect "$reference" 2>&1 >/dev/null); then
    echo "The registry has this image already"
else
    # Another answer, such as a refused sign-in, does not say that a push replaces nothing.
    [[ $said =~ no\ such\ manifest|manifest\ unknown|name\ unknown ]] ||
        fail "The registry does not say whether it has $reference: ${said:-docker manifest inspect failed}"
    # What git tracks, and nothing that lies around.
    context=$(mktemp -d)
    trap 'rm -rf "$context"' EXIT
    git archive "$commit" | tar --extract --directory "$context"
    # The platform is that of the machines that run it, whatever this one is.
    docker build --platform linux/amd64 --build-arg "PROJECT=$project" --build-arg "GIT_COMMIT=$commit" \
        --build-arg "IMAGE=$reference" --tag "$reference" "$context"
    docker push "$reference"
fi
digest=$(docker buildx imagetools inspect "$reference" --format '{{.Manifest.Digest}}')
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "The registry names no digest of $reference, but '$digest'."
echo "${reference%:*}@$digest"
