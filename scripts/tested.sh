#!/usr/bin/env bash
# Refuse a commit of main that no tests have passed: scripts/tested.sh BRANCH, with a branch as refs/heads/main.
# TESTED_COMMIT is that of the run of main's tests which started this one, else of the newest one that succeeded.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1#refs/heads/}" = main ] || exit 0
commit=$(git rev-parse HEAD) tested=${TESTED_COMMIT:-}

if ! [[ $tested =~ ^[0-9a-f]{40}$ ]]; then
    echo "No tests of main have succeeded yet: run their pipeline on main, then this one." >&2
elif ! git merge-base --is-ancestor "$tested" HEAD || ! scripts/only_docs_since.sh "$tested"; then
    echo "Main's tests passed $tested, and not $commit: start this pipeline again when their run on main has succeeded." >&2
else
    echo "Main's tests passed $tested"
    exit 0
fi
exit 1
