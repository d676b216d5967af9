#!/usr/bin/env bash
# Run a module of cicd, which a repository may hold as cicd.tar.gz alone: scripts/cicd.sh MODULE [ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -d cicd ]; then
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    tar -xzf cicd.tar.gz -C "$unpacked"
    export PYTHONPATH=$unpacked${PYTHONPATH:+:$PYTHONPATH}
fi
.venv/bin/python -m "$@"
