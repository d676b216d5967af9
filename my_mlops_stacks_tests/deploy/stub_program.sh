#!/usr/bin/env bash
# Stands for a program that is not here: notes its name and arguments, keeps the file that it was given, and fails when
# there is a file <name>_fails or <name>_<first argument>_fails beside the notes; <name>_<first argument>_says is its error,
# and <name>_<first argument>_prints its output.
set -euo pipefail
name=$(basename "$0")
(
    IFS=$'\t'
    echo "$name"$'\t'"$*"
) >>"$STUB_NOTES/calls"
previous=''
for argument in "$@"; do
    case $previous in --values | --from) cp "$argument" "$STUB_NOTES/$name.yaml" ;; esac
    previous=$argument
done
if [ -d "$previous" ]; then find "$previous" -type f -printf '%P\n' | sort >"$STUB_NOTES/$name.context"; fi
env | grep -E '^(IMAGE|MLOPS_TARGET|MLOPS_PROJECT|ALERT_[A-Z_]+)=' >"$STUB_NOTES/$name.env" || true
[ ! -e "$STUB_NOTES/${name}_${1-}_says" ] || cat "$STUB_NOTES/${name}_${1-}_says" >&2
[ ! -e "$STUB_NOTES/${name}_${1-}_prints" ] || cat "$STUB_NOTES/${name}_${1-}_prints"
[ ! -e "$STUB_NOTES/${name}_fails" ] && [ ! -e "$STUB_NOTES/${name}_${1-}_fails" ]
