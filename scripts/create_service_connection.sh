#!/usr/bin/env bash
# Make an identity for pipelines that has no secret: an application in Microsoft Entra ID, a service connection of the
# same name, and the federation that lets the one sign in as the other. What exists is left as it is. The last line is
# the application's id, by which Azure and Databricks know the identity.
#   ORGANIZATION=https://dev.azure.com/acme DEVOPS_PROJECT=mlops scripts/create_service_connection.sh mlops-staging
# Sign in before with `az login`; it takes the extension azure-devops of the Azure CLI.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "Name the service connection: scripts/create_service_connection.sh mlops-staging" >&2
    exit 2
fi
name=$1
: "${ORGANIZATION:?Set ORGANIZATION to the address of the organization, https://dev.azure.com/...}"
: "${DEVOPS_PROJECT:?Set DEVOPS_PROJECT to the name of the project in Azure DevOps}"
where=(--organization "$ORGANIZATION" --project "$DEVOPS_PROJECT")

connection() { # a field of the service connection, empty without one
    az devops service-endpoint list "${where[@]}" --query "[?name=='$name'].$1 | [0]" --output tsv
}
refuse() {
    echo "$1" >&2
    exit 1
}

named=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' --output tsv)
application=$(connection authorization.parameters.serviceprincipalid)
if [ -z "$application" ]; then
    application=${named:-$(az ad app create --display-name "$name" --query appId --output tsv)}
    [ "$(wc -w <<<"$application")" = 1 ] || refuse "Several applications are called '$name' (${named//$'\n'/, }): delete all but one, and run this again."
elif ! grep -qxF "$application" <<<"$named"; then
    refuse "The service connection '$name' signs in as $application, which is no application called '$name': delete the connection, and run this again."
fi
if [ -z "$(az ad sp list --filter "appId eq '$application'" --query '[0].id' --output tsv)" ]; then
    az ad sp create --id "$application" --output none
fi

if [ -z "$(connection id)" ]; then
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    cat >"$file" <<JSON
{"name": "$name", "type": "azurerm", "url": "https://management.azure.com/", "isShared": false, "isReady": true,
 "authorization": {"scheme": "WorkloadIdentityFederation",
                   "parameters": {"tenantid": "$(az account show --query tenantId --output tsv)",
                                  "serviceprincipalid": "$application"}},
 "data": {"environment": "AzureCloud", "scopeLevel": "Subscription", "creationMode": "Manual",
          "subscriptionId": "$(az account show --query id --output tsv)",
          "subscriptionName": "$(az account show --query name --output tsv)"},
 "serviceEndpointProjectReferences": [
     {"name": "$name",
      "projectReference": {"id": "$(az devops project show --organization "$ORGANIZATION" --project "$DEVOPS_PROJECT" --query id --output tsv)",
                           "name": "$DEVOPS_PROJECT"}}]}
JSON
    az devops service-endpoint create "${where[@]}" --service-endpoint-configuration "$file" --output none
fi

if [ -z "$(az ad app federated-credential list --id "$application" --query "[?name=='azure-devops'].id | [0]" --output tsv)" ]; then
    issuer=$(connection authorization.parameters.workloadIdentityFederationIssuer)
    subject=$(connection authorization.parameters.workloadIdentityFederationSubject)
    az ad app federated-credential create --id "$application" --output none --parameters \
        "{\"name\": \"azure-devops\", \"issuer\": \"$issuer\", \"subject\": \"$subject\", \"audiences\": [\"api://AzureADTokenExchange\"]}"
fi
echo "$application"
