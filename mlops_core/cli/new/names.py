"""Names that a project can have: of a package, a schema of Unity Catalog, a namespace of Kubernetes, all at once."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path

from mlops_core.cli.new.errors import NewProjectError

NAME = re.compile(r"[a-z][a-z0-9_]{0,28}[a-z0-9]")
RESERVED = ("default", "information_schema", "tests", "test", "main", "global_temp")
"""Schemas that every catalog has, and what pytest or Git take for their own."""


def check_name(name: str, root: Path) -> None:
    """Refuse a name that no new project of the repository at `root` can have.

    Raises:
        NewProjectError: says what has the name already, or what a name is made of.
    """
    if not name:
        raise NewProjectError("The project's name is empty: give one of 2 to 30 lower-case letters, digits and '_'.")
    if not NAME.fullmatch(name) or "__" in name:
        raise NewProjectError(
            f"The project's name is {name!r}: use 2 to 30 lower-case letters, digits and single underscores, a letter "
            "first and no underscore last, which packages, Unity Catalog and Kubernetes all take."
        )
    if taken := _taken(name, root):
        raise NewProjectError(f"The project can't be called '{name}', {taken}: choose another name.")


def _taken(name: str, root: Path) -> str:
    """Who has the name; empty when nobody does."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "which is a keyword of Python"
    if name in RESERVED or name.endswith("_tests"):
        return "which is what tests, schemas or branches are called"
    for folder in (name, f"{name}_tests"):
        if any(path.name.lower() == folder for path in root.iterdir()):
            return f"for there is '{folder}' in {root} already"
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return "which is a module of Python's standard library"
    if (found := importlib.util.find_spec(name)) is not None:
        return f"which Python imports from {found.origin or 'elsewhere'} already"
    return ""
