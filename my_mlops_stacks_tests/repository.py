"""The files of this repository, whatever else lies beside them: notes, a virtual environment, what runs have made."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from my_mlops_stacks_tests.conftest import ROOT

RESOURCE_FILES = (
    "batch-inference-workflow-resource.yml",
    "feature-engineering-workflow-resource.yml",
    "ml-artifacts-resource.yml",
    "model-workflow-resource.yml",
    "monitoring-workflow-resource.yml",
)
"""A team's own files beside these are none of the tests' business."""


@cache
def files() -> tuple[str, ...]:
    """The paths of what git tracks here, in order; in a source archive, of what its .gitignore does not name."""
    if shutil.which("git") is None:
        pytest.skip("needs git: it tells the repository's files from others", allow_module_level=True)
    listed = _git("ls-files", "-z") or _files_of_an_archive()
    return tuple(sorted(name for name in set(listed) if (ROOT / name).is_file()))


def files_under(folder: str, suffix: str = "") -> list[Path]:
    """The files below a folder of the repository whose names end in `suffix`."""
    return [ROOT / name for name in files() if name.startswith(f"{folder}/") and name.endswith(suffix)]


def copy_files(destination: Path) -> None:
    """Copy the repository's files to `destination`."""
    for name in files():
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, destination / name)


def _files_of_an_archive() -> list[str]:
    with TemporaryDirectory() as folder:
        _git("init", "--quiet", "--bare", folder)
        return _git(f"--git-dir={folder}", f"--work-tree={ROOT}", "ls-files", "-z", "--others", "--exclude-standard")


def _git(*arguments: str) -> list[str]:
    """What git lists, which may be nothing: where there is no repository it fails.

    In a git hook, variables would lead it to the hook's repository. A clone may be of another owner, as in a container.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    return [name for name in done.stdout.split("\0") if name]
