#!/usr/bin/env bash
# Name the image of a project to deploy, as the output variable `image` of a pipeline's step:
# scripts/image_of_commit.sh PROJECT REGISTRY BRANCH, with the registry's name and a branch as refs/heads/main.
# On release nothing is built: it is the image of the commit of main that holds the same code, so that prod runs the very
# image that staging ran. On any other branch it is built, once a commit. EARLIER_IMAGE, a commit of main, names an image
# that is there, to roll back to.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$1 registry=$2 branch=${3#refs/heads/}
# What the project's image runs; it holds the other projects too, which another code server runs.
code=(mlops_core "$project" pyproject.toml setup.py setup.cfg constraints.txt Dockerfile .dockerignore deploy)

same_code() { # as this commit has, in a commit of main
    git merge-base --is-ancestor "$1" origin/main 2>/dev/null && git diff --quiet "$1" HEAD -- "${code[@]}"
}

image_of_main() {
    local commit
    for commit in $(az acr repository show-tags --name "$registry" --repository "$project" --orderby time_desc --output tsv); do
        if same_code "$commit"; then
            echo "$registry.azurecr.io/$project:$commit"
            return
        fi
    done
    echo "No image of main holds the code of release: merge main into release, after main has been staged." >&2
    return 1
}

earlier_image() { # of a commit of main
    if ! [[ $1 =~ ^[0-9a-f]{40}$ ]] || ! git merge-base --is-ancestor "$1" origin/main 2>/dev/null; then
        echo "'$1' is no commit of main: give the 40 digits that az acr repository show-tags prints." >&2
        return 1
    fi
    az acr repository show --name "$registry" --image "$project:$1" --output none
    echo "$registry.azurecr.io/$project:$1"
}

if [ -n "${EARLIER_IMAGE:-}" ]; then
    image=$(earlier_image "$EARLIER_IMAGE")
elif [ "$branch" = release ]; then
    image=$(image_of_main)
else
    az acr login --name "$registry" >&2
    image=$(scripts/build_image.sh "$project" "$registry.azurecr.io" "$(git rev-parse HEAD)" | tee /dev/stderr | tail -n 1)
fi
echo "Image $image"
echo "##vso[task.setvariable variable=image;isOutput=true]$image"
