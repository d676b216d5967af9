#!/usr/bin/env bash
# Install the command line tools that a job of a pipeline names, each at one version and held to its checksum:
# scripts/install_tools.sh databricks helm. A new version comes with the checksum of what its release has for linux_amd64.
set -euo pipefail

databricks_version=1.12.1
databricks_sha256=60833feee22caa98f575c4948ccbbc9473fda0dd80c9b79544dc7b079f6a9815
helm_version=3.20.0
helm_sha256=dbb4c8fc8e19d159d1a63dda8db655f9ffa4aac1b9a6b188b34a40957119b286
kubectl_version=1.35.2
kubectl_sha256=924eb50779153f20cb668117d141440b95df2f325a64452d78dff9469145e277
kubelogin_version=0.2.19
kubelogin_sha256=ebaeff02aa899c5cae6a2b954b64fc02738185319df2570f7dc053451efa4b2f

bin="${AGENT_TEMPDIRECTORY:-$HOME/.local}/mlops-tools"
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT

download() { # url sha256 file
    curl --fail --silent --show-error --location --proto '=https' --retry 3 --output "$3" "$1"
    if ! echo "$2  $3" | sha256sum --check --status; then
        echo "$1 has not the checksum that scripts/install_tools.sh states: nothing of it was installed." >&2
        return 1
    fi
}

install_databricks() {
    local archive=$downloads/databricks.zip
    download "https://github.com/databricks/cli/releases/download/v$databricks_version/databricks_cli_${databricks_version}_linux_amd64.zip" \
        "$databricks_sha256" "$archive"
    python3 -m zipfile -e "$archive" "$downloads"
    install -m 755 "$downloads/databricks" "$bin/databricks"
}

install_helm() {
    local archive=$downloads/helm.tar.gz
    download "https://get.helm.sh/helm-v$helm_version-linux-amd64.tar.gz" "$helm_sha256" "$archive"
    tar -xzf "$archive" -C "$downloads" linux-amd64/helm
    install -m 755 "$downloads/linux-amd64/helm" "$bin/helm"
}

install_kubectl() {
    download "https://dl.k8s.io/release/v$kubectl_version/bin/linux/amd64/kubectl" "$kubectl_sha256" "$downloads/kubectl"
    install -m 755 "$downloads/kubectl" "$bin/kubectl"
}

install_kubelogin() {
    local archive=$downloads/kubelogin.zip
    download "https://github.com/Azure/kubelogin/releases/download/v$kubelogin_version/kubelogin-linux-amd64.zip" \
        "$kubelogin_sha256" "$archive"
    python3 -m zipfile -e "$archive" "$downloads"
    install -m 755 "$downloads/bin/linux_amd64/kubelogin" "$bin/kubelogin"
}

mkdir -p "$bin"
for tool in "$@"; do
    case $tool in
    databricks | helm | kubectl | kubelogin) "install_$tool" ;;
    *)
        echo "No version of $tool is pinned here: the tools are databricks, helm, kubectl and kubelogin." >&2
        exit 2
        ;;
    esac
    echo "Installed $tool in $bin"
done
echo "##vso[task.prependpath]$bin"
