"""A project in a repository of its own: with the machinery inside, or as a package that it depends on.

It has what `make run`, `make test`, `make lint`, the image and the pipelines need, and nothing of other projects.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.own_files import MACHINERY, depend, drop_dead_links, rename, write_own_files
from mlops_core.cli.new.render import RenderError, render

FOLDERS = ("scripts", "deploy")
FILES = (
    *("Makefile", "setup.py", "setup.cfg", "pyproject.toml", "constraints.txt", "dagster.local.yaml", "LICENSE"),
    *("Dockerfile", ".dockerignore", ".gitignore", "cicd.tar.gz", ".azure/devops-pipelines/deploy-cicd.yml"),
)
OF_THE_TEMPLATE = ("__pycache__", ".env", "build_wheel.py", "test_contract.sh")
"""Files that no copy gets: what runs left, secrets, and scripts for the template's own repository."""


def new_repository(answers: Answers, root: Path, folder: Path, *, wheel: bool = False) -> list[Path]:
    """Make `folder` a repository with the project of `answers`, by the template of `root`, which stays as it is.

    Returns the project's own files, relative to it.

    Raises:
        RenderError: `folder` has files already, or the project can't be made.
    """
    require_new(folder)
    origin = _origin(root)
    with TemporaryDirectory() as temporary:
        made = Path(temporary) / "made"
        if (root / ".git").exists():
            subprocess.run(["git", "clone", "--quiet", "--", root, made], check=True)  # noqa: S603, S607
        else:
            shutil.copytree(root, made, ignore=shutil.ignore_patterns(".*_cache", ".venv*", ".local"))
        there = {"template": origin or str(root.resolve())}
        if answers.source:
            there["source"] = str((root / answers.source).resolve())
        files = render(answers.model_copy(update=there), made)
        copy_repository(made, answers.project, folder, wheel=wheel, origin=origin)
    return files


def copy_repository(root: Path, project: str, folder: Path, *, wheel: bool = False, origin: str = "") -> None:
    """Make `folder` a repository of the project that the one at `root` has; all of it, or nothing.

    Args:
        wheel: Depend on the package `mlops_core` of the same version, instead of holding its folder.
        origin: Where the template is, for the README.

    Raises:
        RenderError: There is no such project, `folder` has files already, or it can't be written.
    """
    if not (root / project / "databricks.yml").is_file():
        raise RenderError(f"There is no project {project} in {root}: make it first.")
    require_new(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise RenderError(f"{folder} can't be written: {error.strerror}.") from error
    try:
        _fill(root, project, made, wheel, origin)
        made.chmod(0o755)
        made.replace(folder)
    except (OSError, shutil.Error, subprocess.CalledProcessError) as error:
        raise RenderError(f"{folder} could not be made, so nothing was: {error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def require_new(folder: Path) -> None:
    """Raises `RenderError` where something is there already."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RenderError(f"{folder} exists and is no empty folder: name a new one.")


def _fill(root: Path, project: str, made: Path, wheel: bool, origin: str) -> None:
    own = [name for name in (project, f"{project}_tests") if (root / name).is_dir()]
    for name in (*own, *FOLDERS, *(() if wheel else (MACHINERY,))):
        shutil.copytree(root / name, made / name, ignore=shutil.ignore_patterns(*OF_THE_TEMPLATE))
    for name in FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, made / name)
    setup = RawConfigParser()
    setup.read(root / "setup.cfg")
    for name in (*FILES, "deploy/kubernetes/dagster-values.yaml"):
        rename(made / name, setup["metadata"]["name"], project)
    if wheel:
        depend(made / "setup.cfg", f"{MACHINERY}=={setup['metadata']['version']}")
    write_own_files(made, project, wheel, origin)
    call = [sys.executable, "-m", "cicd", project]
    subprocess.run(call, cwd=made, env=os.environ | {"PYTHONPATH": str(root)}, check=True, capture_output=True)  # noqa: S603
    for document in made.rglob("*.md"):
        drop_dead_links(document)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=made, check=True)  # noqa: S607


def _origin(root: Path) -> str:
    """The address of the template's repository, where it has one; without a user's name or token in it."""
    call = ["git", "config", "--get", "remote.origin.url"]
    found = subprocess.run(call, cwd=root, check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603
    return re.sub(r"(?<=://)[^/@]*@", "", found)
