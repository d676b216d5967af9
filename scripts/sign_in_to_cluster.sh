#!/usr/bin/env bash
# Let kubectl and helm of this agent reach an AKS cluster as the identity that the Azure CLI is signed in as:
# scripts/sign_in_to_cluster.sh RESOURCE_GROUP/CLUSTER
set -euo pipefail
group=${1%%/*} cluster=${1#*/}
if [ -z "$group" ] || [ "$group" = "$1" ] || [ -z "$cluster" ]; then
    echo "Name the cluster as resource-group/cluster, not '${1}': it is set in templates/variables.yml." >&2
    exit 2
fi
bin="${AGENT_TEMPDIRECTORY:-$HOME/.local}/mlops-tools"
mkdir -p "$bin"
az aks install-cli --client-version v1.35.6 --install-location "$bin/kubectl" \
    --kubelogin-version v0.2.19 --kubelogin-install-location "$bin/kubelogin"
az aks get-credentials --resource-group "$group" --name "$cluster" --overwrite-existing
PATH="$bin:$PATH" kubelogin convert-kubeconfig --login azurecli
echo "##vso[task.prependpath]$bin"
