#!/usr/bin/env bash
# Let kubectl and helm of this agent reach an AKS cluster as the identity that the Azure CLI is signed in as:
# scripts/sign_in_to_cluster.sh RESOURCE_GROUP/CLUSTER
set -euo pipefail
group=${1%%/*} cluster=${1#*/}
if [ -z "$group" ] || [ "$group" = "$1" ] || [ -z "$cluster" ]; then
    echo "Name the cluster as resource-group/cluster, not '${1}': it is set in templates/variables.yml." >&2
    exit 2
fi
cd "$(dirname "$0")/.."
scripts/install_tools.sh kubectl kubelogin
az aks get-credentials --resource-group "$group" --name "$cluster" --overwrite-existing
PATH="${AGENT_TEMPDIRECTORY:-$HOME/.local}/mlops-tools:$PATH" kubelogin convert-kubeconfig --login azurecli
