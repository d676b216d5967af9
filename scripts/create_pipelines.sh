#!/usr/bin/env bash
# Make in Azure DevOps what the pipelines of a project need and a YAML file can't give itself: the environments with the
# approval of prod, the pipelines, and the branch policies that build pull requests. What exists is left as it is.
#   ORGANIZATION=https://dev.azure.com/acme DEVOPS_PROJECT=mlops REPOSITORY=taxi \
#       scripts/create_pipelines.sh PROJECT APPROVER [FOLDER]
# APPROVER is the id of the group or person who approves prod. FOLDER is where the project is: "." for the top, which is
# the default. Sign in before with `az login`; it takes the extension azure-devops of the Azure CLI.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "Name the project and who approves its prod: scripts/create_pipelines.sh PROJECT APPROVER [FOLDER]" >&2
    exit 2
fi
project=$1 approver=$2 folder=${3:-.}
: "${ORGANIZATION:?Set ORGANIZATION to the address of the organization, https://dev.azure.com/...}"
: "${DEVOPS_PROJECT:?Set DEVOPS_PROJECT to the name of the project in Azure DevOps}"
: "${REPOSITORY:?Set REPOSITORY to the name of the repository}"
where=(--organization "$ORGANIZATION" --project "$DEVOPS_PROJECT")
api=$ORGANIZATION/$DEVOPS_PROJECT/_apis
approval=8c6f20a7-a545-4486-9777-f762fafe0d4d # the kind of check that Azure DevOps calls Approval

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

require_approval() { # environment, its id
    local checks="pipelines/checks/configurations?api-version=7.1-preview.1" found body
    found=$(rest get "$checks&resourceType=environment&resourceId=$2" "" --query "value[?type.id=='$approval'].id | [0]")
    [ -z "$found" ] || return 0
    body=$(
        cat <<JSON
{"type": {"id": "$approval", "name": "Approval"}, "timeout": 10080,
 "settings": {"approvers": [{"id": "$approver"}], "minRequiredApprovers": 1, "executionOrder": "anyOrder",
              "requesterCannotBeApprover": true, "instructions": "Read the plan on the page of the run."},
 "resource": {"type": "environment", "id": "$2", "name": "$1"}}
JSON
    )
    rest post "$checks" "$body" --query id >/dev/null
    echo "Deployments to $1 wait for an approval"
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

repository=$(az repos show "${where[@]}" --repository "$REPOSITORY" --query id --output tsv)
# First the environments: a pipeline that names one that is missing makes it, and without an approval.
environment "$project-staging" >/dev/null
require_approval "$project-prod" "$(environment "$project-prod")"

paths="/$folder/*"
[ "$folder" != . ] || paths="/$project/*;/${project}_tests/*;/deploy/*;/scripts/*;/cicd/*;/.azure/*;/Dockerfile;/Makefile;/pyproject.toml;/setup.cfg;/workspace.yaml"
tests=$(pipeline "$project-tests-ci")
bundle=$(pipeline "$project-bundle-cicd")
pipeline "$project-code-location-cicd" >/dev/null
pipeline deploy-cicd >/dev/null
build_pull_requests "$project-tests-ci" "$tests" "$paths"
build_pull_requests "$project-bundle-cicd" "$bundle" "$paths"
echo "The pipelines of $project are there"
