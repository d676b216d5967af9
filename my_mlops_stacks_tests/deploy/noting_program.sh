#!/usr/bin/env bash
# Stands for a program: notes its name and arguments, and answers as an Azure in which everything EXISTS, or nothing does.
printf '%s\0' "${0##*/}" "$@" $'\x1e' >>"$NOTES"
id=11111111-1111-1111-1111-111111111111
case "${0##*/} $*" in
sleep*) ;;
git*) echo 0123456789012345678901234567890123456789 ;;
"az pipelines runs show"*) echo completed ;;
*" show "*" --output none") [ -n "$EXISTS" ] ;;
"databricks service-principals list"*"$id"*) [ -n "$EXISTS" ] && echo "[{\"id\": 7, \"applicationId\": \"$id\"}]" || echo '[{"id": 7}]' ;;
"databricks account"*list*) [ -z "$EXISTS" ] || echo '[{"subject": "system:serviceaccount:dagster-staging:my-mlops-stacks"}]' ;;
"databricks catalogs get"*) [ -n "$EXISTS" ] ;;
"az "*" list "* | "az rest "*" get "*) [ -z "$EXISTS" ] || echo "$id" ;;
"docker buildx"* | *"--query digest"*) printf 'sha256:%064d\n' 0 ;;
"openssl rand"* | "az keyvault secret show"*) echo a-secret-value ;;
*) echo "$id" ;;
esac
