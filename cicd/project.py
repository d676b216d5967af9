"""A further project in the repository: a copy of the one at its top, under another name, with a folder of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from cicd.pipelines import render_pipelines

OF_THE_REPOSITORY = (".azure", ".ci", "cicd", "workspace.yaml")
"""What exists once, whatever the number of projects; the tests of it are in the folder `azure` of the tests."""
GUIDE = "docs/mlops-setup.md"
"""Sets up a repository, so one is enough for all of its projects; a copy for a repository of its own keeps it."""
LOCATION = """  - python_module:
      module_name: {name}.definitions
      working_directory: {folder}
      location_name: {name}
"""


class ProjectError(ValueError):
    """The project can't be set up: one sentence with the fix."""


def set_up_project(root: Path, name: str) -> None:
    """Make the project `name` in the repository at `root` unless it exists, its pipelines and its code location.

    What is there already and as it should be stays as it is; a project's own files are never touched again.

    Raises:
        ProjectError: the name can't be one, or there is no project to start from.
    """
    folder = _folder(root, name)
    new = not (root / folder / name).exists()
    if new:
        copy_project(root, name, root / folder)
    for path, text in render_pipelines(name, folder).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    _add_code_location(root / "workspace.yaml", name, folder)
    if new:
        (root / folder / GUIDE).unlink()
        _lead_out(root, root / folder)
        _give_namespaces(root / folder, name.replace("_", "-"))


def _folder(root: Path, name: str) -> str:
    return "." if (root / name / "databricks.yml").exists() else name


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", name):
        raise ProjectError(f"The project's name is {name!r}: use 2 to 30 lower-case letters, digits and underscores.")
    if importlib.util.find_spec(name) is not None:
        raise ProjectError(f"A Python package is called {name} already: choose another name.")


def copy_project(root: Path, name: str, destination: Path) -> None:
    """Copy what git tracks of the project at the top of `root` to `destination`, with `name` in its name's place.

    Raises:
        ProjectError: the name can't be one, or there is no project to start from.
    """
    _check_name(name)
    tops = [file.parent.name for file in root.glob("*/databricks.yml")]
    if len(tops) != 1:
        raise ProjectError(f"{root} should have one project at its top to start from, but has {len(tops)}.")
    old = tops[0]
    for path in _files(root, old):
        target = destination / path.replace(old, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, target)
        _rename(target, old, name)
    _add_code_location(destination / "workspace.yaml", name, ".")
    _format(destination)


def _files(root: Path, project: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)  # noqa: S607
    files = [file for file in listed.stdout.split("\0") if file]
    others = {folder.name for folder in root.iterdir() if (folder / folder.name / "databricks.yml").exists()}
    left_out = (*OF_THE_REPOSITORY, f"{project}_tests/azure", *others)
    return [file for file in files if not any(file == left or file.startswith(f"{left}/") for left in left_out)]


def _rename(file: Path, old: str, new: str) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:  # a picture
        return
    file.write_text(text.replace(old, new).replace(old.replace("_", "-"), new.replace("_", "-")), encoding="utf-8")


def _lead_out(root: Path, copy: Path) -> None:
    """Let links of the copy's documents that now lead nowhere lead to the repository's own file, where it has one."""
    for document in copy.rglob("*.md"):
        text = document.read_text()
        for link in set(re.findall(r"\]\(([^)\s:#]+)", text)):
            place = root / os.path.relpath(document.parent / link, copy)
            if not (document.parent / link).exists() and place.exists():
                text = text.replace(f"]({link}", f"]({os.path.relpath(place, document.parent)}")
        document.write_text(text)


def _give_namespaces(copy: Path, name: str) -> None:
    """Let the copy's Dagster be in namespaces of its own, as its pipelines say too."""
    for file in (file for file in copy.rglob("*") if file.suffix in (".md", ".py", ".sh", ".yaml")):
        text = file.read_text(encoding="utf-8")
        file.write_text(
            re.sub(r"\bdagster-(staging|prod|\$target|\$TARGET)\b", rf"dagster-{name}-\1", text), encoding="utf-8"
        )


def _format(folder: Path) -> None:
    """Another name sorts elsewhere among the imports and makes lines longer or shorter."""
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--fix", "--select", "I"], ["format"], ["check", "--add-noqa", "--select", "E501"]):
        subprocess.run([*ruff, *command, "--quiet", "--no-cache", "."], cwd=folder, check=True)  # noqa: S603


def _add_code_location(workspace: Path, name: str, folder: str) -> None:
    text = workspace.read_text() if workspace.exists() else "load_from:\n"
    locations = yaml.safe_load(text)["load_from"] or []
    if name not in [location["python_module"].get("location_name") for location in locations]:
        workspace.write_text(text + LOCATION.format(name=name, folder=folder))
