#!/usr/bin/env bash
# Print a token of Azure DevOps for whoever the Azure CLI is signed in as; it lives for an hour. Within a pipeline's step,
# scripts/azure_devops_token.sh VARIABLE makes it a secret variable of the job's further steps instead.
set -euo pipefail
# The resource is Azure DevOps itself, the same in every tenant.
token=$(az account get-access-token --resource 499b84ac-1321-427f-aa17-267ca6975798 --query accessToken --output tsv)
if [ $# -eq 0 ]; then
    echo "$token"
else
    echo "##vso[task.setvariable variable=$1;issecret=true]$token"
fi
