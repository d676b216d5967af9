#!/usr/bin/env bash
# Name the image of a project to deploy, as the output variable `image` of a pipeline's step:
# scripts/image_of_commit.sh PROJECT REGISTRY BRANCH, with the registry's name and a branch as refs/heads/main.
# It is the image of a commit of main that holds the same code, so that prod runs the very image that staging ran, and a
# merge of tests alone restarts nothing. Where there is none it is built, but not on release. EARLIER_IMAGE, a commit of
# main, names an image that is there, to roll back to. It is named by its digest, and the tag of its commit is locked.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$1 registry=$2 branch=${3#refs/heads/}
# What the project's image is made of, less words, and the other projects that it holds, which another code server runs.
code=(mlops_core "$project" pyproject.toml setup.py setup.cfg constraints.txt LICENSE Dockerfile .dockerignore deploy scripts/build_image.sh)

of_main() { # a commit, by its 40 digits: branches and tags may be tags of an image, too
    [[ $1 =~ ^[0-9a-f]{40}$ ]] && git merge-base --is-ancestor "$1" origin/main 2>/dev/null
}

tags() { # of the project's images, the newest first; none before the first one
    az acr repository show-tags --name "$registry" --repository "$project" --orderby time_desc --output tsv
}

refuse_older() { # a run of main that is started again would take back what has followed
    local commit
    for commit in $(tags); do
        if of_main "$commit" && [ "$commit" != "$(git rev-parse HEAD)" ] && git merge-base --is-ancestor HEAD "$commit"; then
            echo "Main has an image of $commit, which is later than this commit: start a new run, not this one again." >&2
            exit 1
        fi
    done
}

commit_of_main() { # that has an image with the code of this commit
    local commit
    for commit in $(tags); do
        if of_main "$commit" && git diff --quiet "$commit" HEAD -- "${code[@]}" ':(exclude)*.md'; then
            echo "$commit"
            return
        fi
    done
    return 1
}

build() { # the image of this commit
    az acr login --name "$registry" >&2 && scripts/build_image.sh "$project" "$registry.azurecr.io" "$(git rev-parse HEAD)" >&2
}

by_digest() { # the image of a commit, whose tag nobody can move any more
    local digest
    az acr repository update --name "$registry" --image "$project:$1" --write-enabled false --output none || return
    digest=$(az acr repository show --name "$registry" --image "$project:$1" --query digest --output tsv) || return
    if ! [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
        echo "The registry $registry names no digest of $project:$1, but '$digest'." >&2
        return 1
    fi
    echo "$registry.azurecr.io/$project@$digest"
}

if [ -n "${EARLIER_IMAGE:-}" ]; then
    commit=$EARLIER_IMAGE
    if ! of_main "$commit"; then
        echo "'$commit' is no commit of main: give the 40 digits that az acr repository show-tags prints." >&2
        exit 1
    fi
elif [ "$branch" = release ]; then
    if ! commit=$(commit_of_main); then
        echo "No image of main holds the code of release: merge main into release, after main has been staged." >&2
        exit 1
    fi
else
    refuse_older
    if ! commit=$(commit_of_main); then
        build
        commit=$(git rev-parse HEAD)
    fi
fi
image=$(by_digest "$commit")
echo "Image $image of commit $commit"
echo "##vso[task.setvariable variable=image;isOutput=true]$image"
