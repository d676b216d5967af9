#!/usr/bin/env bash
# Install PostgreSQL for the test of deploy/dagster.yaml, where nobody has to be asked; the test starts a server of its own.
# It never fails: without PostgreSQL that one test is skipped.
set -euo pipefail

is_there() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

install() {
    as_root env DEBIAN_FRONTEND=noninteractive timeout 300 \
        apt-get install --yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=60 postgresql >/dev/null 2>&1
}

if is_there; then
    exit 0
fi
if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    echo "Installing PostgreSQL for the test of the deployed instance"
    install || { as_root timeout 120 apt-get update --quiet >/dev/null 2>&1 && install; } || true
fi
if ! is_there; then
    echo "PostgreSQL is not here and could not be installed: the test of the deployed instance is skipped." >&2
fi
