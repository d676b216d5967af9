#!/usr/bin/env bash
# Make in Azure DevOps what the pipelines of a project need and a YAML file can't give itself: environments, pipelines,
# teams, and whatever keeps a branch of somebody's own from staging and prod: approvals, branch control and permissions of
# each resource, policies of main and release, rights of the accounts of pipelines. cicd/azure_devops/wanted.py is the list.
#   ORGANIZATION=https://dev.azure.com/acme DEVOPS_PROJECT=mlops REPOSITORY=mlops scripts/create_pipelines.sh PROJECT [--verify]
# With --verify it changes nothing. Either way it ends with 1 and a sentence for each thing that is missing. Sign in before
# with `az login`, as administrator of the Azure DevOps project.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
    echo "Name the project: scripts/create_pipelines.sh PROJECT [--verify]" >&2
    exit 2
fi
: "${ORGANIZATION:?Set ORGANIZATION to the address of the organization, https://dev.azure.com/...}"
: "${DEVOPS_PROJECT:?Set DEVOPS_PROJECT to the name of the project in Azure DevOps}"
: "${REPOSITORY:?Set REPOSITORY to the name of the repository}"
AZURE_DEVOPS_TOKEN=$(scripts/azure_devops_token.sh)
export ORGANIZATION DEVOPS_PROJECT REPOSITORY AZURE_DEVOPS_TOKEN
scripts/cicd.sh cicd.azure_devops "$@"
