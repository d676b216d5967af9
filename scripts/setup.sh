#!/usr/bin/env bash
# Make .venv with the project and its tools: with uv where it is installed, else with venv and pip.
# Arguments are further extras of setup.cfg.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.12 python3.11 python3 python; do
        # A name on the PATH may be a shim without an interpreter behind it, so ask it for its version.
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Set-up needs Python 3.11 or 3.12: install one, or name it with 'make setup PYTHON=/path/to/python'." >&2
    return 1
}

python=$(find_python)
extras=$(IFS=,; echo "dev${*:+,$*}")
# alembic, which Dagster and MLflow keep their databases with, takes a percent sign in the path of a package for a placeholder.
if [[ $PWD == *%* && ! -e .venv ]]; then
    home=${XDG_DATA_HOME:-$HOME/.local/share}
    mkdir -p "$home"
    ln -sfn "$(mktemp -d "$home/mlops-venv.XXXXXX")" .venv
fi
mkdir -p .venv
venv=$(cd .venv && pwd -P)
uv=$(command -v uv || true)
takes="several minutes the first time (where uv is installed, a minute or two)"
[[ -n $uv || -n ${TF_BUILD:-} ]] && takes="a minute or two the first time"
echo "Setting up .venv with $("$python" --version), $takes"
if [[ -z $uv && -n ${TF_BUILD:-} ]]; then # a pipeline's machine: uv alone checks the hashes of constraints.txt
    "$python" -m venv "$venv"
    sed -n '/^uv==/,/[^\\]$/p' constraints.txt |
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement /dev/stdin
    uv=$venv/bin/uv
fi
if [[ -n $uv ]]; then
    [ -x "$venv/bin/python" ] || "$uv" venv --quiet --allow-existing --python "$python" "$venv"
    # Compiled now, imports take a third of the time at every start.
    "$uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" -c constraints.txt -e ".[$extras]"
else
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        -c <(scripts/versions_alone.sh) -e ".[$extras]"
fi
touch .venv/.ready
echo "Set-up is done"
