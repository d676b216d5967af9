#!/usr/bin/env bash
# Install what only slow tests start, where nobody has to be asked: PostgreSQL for that of deploy/dagster.yaml, Chromium for
# those of what people see. It never fails: without one of them its tests are skipped.
set -euo pipefail

has_postgresql() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

has_chromium() {
    command -v chromium google-chrome chromium-browser >/dev/null
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
        apt-get install --yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=60 "$1" >/dev/null 2>&1
}

for package in postgresql chromium; do
    if "has_$package"; then
        continue
    fi
    if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
        echo "Installing $package for slow tests"
        install "$package" || { as_root timeout 120 apt-get update --quiet >/dev/null 2>&1 && install "$package"; } || true
    fi
    if ! "has_$package"; then
        echo "$package is not here and could not be installed: the tests that need it are skipped." >&2
    fi
done
