#!/usr/bin/env bash
# constraints.txt for pip, which takes hashes of everything or of nothing, and here an editable project has none.
set -euo pipefail
sed '/^ *--hash=/d; s/ \\$//' "$(dirname "$0")/../constraints.txt"
