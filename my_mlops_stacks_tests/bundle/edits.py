"""Edits of a copy of the bundle's files, and the sentence with which loading a target of it fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_core.config import TargetError, load_target
from my_mlops_stacks.project import PROJECT

TARGETS = ["local", "dev", "test", "staging", "prod"]
ROOT = "databricks.yml"
MODEL = "resources/model-workflow-resource.yml"
MONITORING = "resources/monitoring-workflow-resource.yml"


def edit(folder: Path, file: str, pattern: str, new: str) -> None:
    """Replace the first match of a file, which must be there; a pattern leaves open what a team may tune."""
    text, found = re.subn(pattern, lambda _: new, (folder / file).read_text(), count=1)
    assert found
    (folder / file).write_text(text)


def override(folder: Path, target: str, lines: str) -> None:
    """Put `lines` among the variables of a target, in the place of what it says of the same variables."""
    before, after = (folder / ROOT).read_text().split(f"\n  {target}:\n")
    for name in re.findall(r"^\w+", lines, re.MULTILINE):
        after = re.sub(rf"      {name}: .*\n", "", after, count=1)
    indented = "".join(f"      {line}\n" for line in lines.splitlines())
    after = after.replace("    variables:\n", f"    variables:\n{indented}", 1)
    (folder / ROOT).write_text(f"{before}\n  {target}:\n{after}")


def message(folder: Path, name: str = "local", environ: dict[str, str] | None = None) -> str:
    """The sentence with which loading the target fails."""
    with pytest.raises(TargetError) as error:
        load_target(PROJECT, name, environ=environ or {}, folder=folder)
    sentence = str(error.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence
