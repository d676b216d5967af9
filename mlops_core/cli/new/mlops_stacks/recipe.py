"""What MLflow Recipes say, which MLflow itself no longer has: recipe.yaml, and the profile of a laptop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.mlops_stacks.bundle import section
from mlops_core.cli.new.mlops_stacks.imported import Imported
from mlops_core.cli.new.mlops_stacks.jobs import kind_of
from mlops_core.cli.new.mlops_stacks.rules import thresholds_of_recipe

RECIPE, PROFILE = "training/recipe.yaml", "training/profiles/local.yaml"
VARIABLE = re.compile(r"\{\{.*?\}\}")


def recipe(folder: Path, found: Imported) -> None:
    """The label, the kind of problem, thresholds, and the sample of rows that is in the project."""
    if not (folder / RECIPE).is_file():
        return
    content = _read(folder / RECIPE)
    if label := content.get("target_col"):
        found.answers.setdefault("label", str(label))
    if kind := kind_of(str(content.get("recipe") or "").partition("/")[0]):
        found.answers.setdefault("kind", kind)
    thresholds_of_recipe(content, RECIPE, found)
    if (folder / PROFILE).is_file():
        location = str(section(_read(folder / PROFILE), "INGEST_CONFIG").get("location") or "")
        sample = (folder / PROFILE).parent / location
        if location and sample.exists():
            found.answers["source"] = str(sample.resolve())


def _read(file: Path) -> dict[str, Any]:
    """A file of a recipe; variables of profiles are null."""
    try:
        content = yaml.safe_load(VARIABLE.sub("null", file.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise NewProjectError(f"{file} can't be read ({error}): correct it, and import again.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        raise NewProjectError(f"{file}{line} is not valid YAML: correct it, and import again.") from None
    if not isinstance(content, dict):
        raise NewProjectError(f"{file} is {content!r}, but it should be a mapping.")
    return content
