#!/usr/bin/env bash
# Whether nothing but words has changed since a commit, as the exit code: scripts/only_docs_since.sh COMMIT
set -euo pipefail
cd "$(dirname "$0")/.."
# No image and no cluster gets them.
git diff --quiet "$1" HEAD -- . ':(exclude)docs' ':(exclude)*.md'
