#!/usr/bin/env bash
# Make in Azure DevOps what the pipelines of a project need and a YAML file can't give itself: the environments with the
# approval of prod, the pipelines, and the branch policies that build pull requests. What exists is left as it is.
#   ORGANIZATION=https://dev.azure.com/acme DEVOPS_PROJECT=mlops REPOSITORY=mlops \
#       scripts/create_pipelines.sh PROJECT APPROVER
# APPROVER is the id of the group or person who approves prod. Sign in before with `az login`; it takes the extension
# azure-devops of the Azure CLI.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -ne 2 ]; then
    echo "Name the project and who approves its prod: scripts/create_pipelines.sh PROJECT APPROVER" >&2
    exit 2
fi
project=$1 approver=$2
if [ ! -f ".azure/devops-pipelines/$project-tests-ci.yml" ]; then
    echo "The project '$project' has no pipelines here: make them with 'python -m cicd $project', and push them to main." >&2
    exit 1
fi
: "${ORGANIZATION:?Set ORGANIZATION to the address of the organization, https://dev.azure.com/...}"
: "${DEVOPS_PROJECT:?Set DEVOPS_PROJECT to the name of the project in Azure DevOps}"
: "${REPOSITORY:?Set REPOSITORY to the name of the repository}"
where=(--organization "$ORGANIZATION" --project "$DEVOPS_PROJECT")
api=$ORGANIZATION/$DEVOPS_PROJECT/_apis
# The kinds of checks, by the ids that Azure DevOps gives them.
approval=8c6f20a7-a545-4486-9777-f762fafe0d4d
exclusive_lock=2ef31ad6-baa0-403a-8b45-2cbc9b4e5563

rest() { # method address [body]
    # The resource is Azure DevOps itself, the same in every tenant.
    az rest --resource 499b84ac-1321-427f-aa17-267ca6975798 --method "$1" --url "$api/$2" --output tsv \
        --headers Content-Type=application/json ${3:+--body "$3"} "${@:4}"
}

environment() { # name -> id
    local id
    id=$(rest get "distributedtask/environments?name=$1&api-version=7.1" "" --query 'value[0].id')
    [ -n "$id" ] || id=$(rest post "distributedtask/environments?api-version=7.1" "{\"name\": \"$1\"}" --query id)
    echo "$id"
}

require() { # environment, its id, name of the kind of check, the kind's id, settings
    local checks="pipelines/checks/configurations?api-version=7.1-preview.1" found
    found=$(rest get "$checks&resourceType=environment&resourceId=$2" "" --query "value[?type.id=='$4'].id | [0]")
    [ -z "$found" ] || return 0
    rest post "$checks" "{\"type\": {\"id\": \"$4\", \"name\": \"$3\"}, \"timeout\": 10080, \"settings\": $5,
        \"resource\": {\"type\": \"environment\", \"id\": \"$2\", \"name\": \"$1\"}}" --query id >/dev/null
    echo "$1 has the check $3"
}

require_approval() { # environment, its id
    require "$1" "$2" Approval $approval "{\"approvers\": [{\"id\": \"$approver\"}], \"minRequiredApprovers\": 1,
        \"executionOrder\": \"anyOrder\", \"requesterCannotBeApprover\": true,
        \"instructions\": \"Read the plan on the page of the run.\"}"
}

one_at_a_time() { # environment, its id
    require "$1" "$2" ExclusiveLock $exclusive_lock "{}"
}

pipeline() { # name -> id
    local id
    id=$(az pipelines list "${where[@]}" --name "$1" --query '[0].id' --output tsv)
    [ -n "$id" ] || id=$(az pipelines create "${where[@]}" --name "$1" --repository "$REPOSITORY" --repository-type tfsgit \
        --branch main --yml-path ".azure/devops-pipelines/$1.yml" --skip-first-run true --query id --output tsv)
    echo "$id"
}

build_pull_requests() { # name of a pipeline, its id, paths
    local branch found
    for branch in main release; do
        found=$(az repos policy list "${where[@]}" --repository-id "$repository" --branch "$branch" \
            --query "[?settings.buildDefinitionId==\`$2\`].id | [0]" --output tsv)
        [ -z "$found" ] || continue
        az repos policy build create "${where[@]}" --repository-id "$repository" --branch "$branch" --display-name "$1" \
            --build-definition-id "$2" --blocking true --enabled true --manual-queue-only false \
            --queue-on-source-update-only true --valid-duration 720 --path-filter "$3" --output none
        echo "Pull requests to $branch wait for $1"
    done
}

# What the pipeline's own trigger has for main: Azure Repos reads no paths of pull requests from the file.
paths() { # name of a pipeline
    sed -n '/^trigger:/,/^[a-z]*:$/s|^      - \(.*\)|/\1|p' ".azure/devops-pipelines/$1.yml" | paste -s -d ';' -
}

tests_paths=$(paths "$project-tests-ci") bundle_paths=$(paths "$project-bundle-cicd")
repository=$(az repos show "${where[@]}" --repository "$REPOSITORY" --query id --output tsv)
# First the environments: a pipeline that names one that is missing makes it, and without an approval.
staging=$(environment "$project-staging") prod=$(environment "$project-prod")
one_at_a_time "$project-staging" "$staging"
one_at_a_time "$project-prod" "$prod"
require_approval "$project-prod" "$prod"

tests=$(pipeline "$project-tests-ci")
bundle=$(pipeline "$project-bundle-cicd")
pipeline "$project-code-location-cicd" >/dev/null
pipeline deploy-cicd >/dev/null
build_pull_requests "$project-tests-ci" "$tests" "$tests_paths"
build_pull_requests "$project-bundle-cicd" "$bundle" "$bundle_paths"
echo "The pipelines of $project are there"
