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
from mlops_core.cli.new.render import RenderError, render

MACHINERY = "mlops_core"
FOLDERS = ("scripts", "deploy")
FILES = (
    *("Makefile", "setup.py", "setup.cfg", "pyproject.toml", "constraints.txt", "dagster.local.yaml", "LICENSE"),
    *("Dockerfile", ".dockerignore", ".gitignore", "cicd.tar.gz", ".azure/devops-pipelines/deploy-cicd.yml"),
)
OF_THE_TEMPLATE = ("__pycache__", ".env", "build_wheel.py", "test_contract.sh")
"""Files that no copy gets: what runs left, secrets, and scripts for the template's own repository."""
CHECKS = """#!/usr/bin/env bash
# What continuous integration runs.
set -euo pipefail
cd "$(dirname "$0")/.."
make lint test
"""
README = """# {project}

Dagster orchestrates, Databricks computes, and a laptop runs all of it. What is predicted, and where to change it, is in
[{project}/README.md]({project}/README.md).

```console
$ make run     # sets up .venv the first time, then runs the whole pipeline
$ make dev     # its graph in the Dagster UI: http://127.0.0.1:3000
$ make test lint
$ make help    # the rest
```

{machinery} The manual is in `docs/` of the template{origin}. The pipelines are in `.azure/devops-pipelines/`, and
`deploy-cicd.yml` completes them from `cicd.tar.gz`.
"""


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
        _rename(made / name, setup["metadata"]["name"], project)
    if wheel:
        _depend(made / "setup.cfg", f"{MACHINERY}=={setup['metadata']['version']}")
    _write_of_its_own(made, project, wheel, origin)
    call = [sys.executable, "-m", "cicd", project]
    subprocess.run(call, cwd=made, env=os.environ | {"PYTHONPATH": str(root)}, check=True, capture_output=True)  # noqa: S603
    for document in made.rglob("*.md"):
        _drop_dead_links(document)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=made, check=True)  # noqa: S607


def _rename(file: Path, old: str, new: str) -> None:
    if file.suffix == ".gz":
        return
    text = file.read_text().replace(old, new).replace(old.replace("_", "-"), new.replace("_", "-"))
    file.write_text(text)


def _depend(setup: Path, requirement: str) -> None:
    """Its dependencies are those of the machinery."""
    text = re.sub(r"(?<=^install_requires =\n)(?:    .*\n)+", f"    {requirement}\n", setup.read_text(), flags=re.M)
    setup.write_text(text)


def _write_of_its_own(made: Path, project: str, wheel: bool, origin: str) -> None:
    held = f"The machinery is the package `{MACHINERY}` that setup.cfg names." if wheel else ""
    held = held or f"The machinery is in [{MACHINERY}]({MACHINERY}/README.md)."
    address = f", {origin}" if origin else ""
    (made / "README.md").write_text(README.format(project=project, machinery=held, origin=address))
    (made / ".ci").mkdir()
    (made / ".ci" / "run").write_text(CHECKS)
    (made / ".ci" / "run").chmod(0o755)


def _drop_dead_links(document: Path) -> None:
    """Links of its text to files that stayed behind become words."""

    def kept(link: re.Match[str]) -> str:
        place = link[2].partition("#")[0]
        return link[0] if ":" in place or (document.parent / place).exists() else link[1]

    document.write_text(re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", kept, document.read_text()))


def _origin(root: Path) -> str:
    """The address of the template's repository, where it has one."""
    call = ["git", "config", "--get", "remote.origin.url"]
    return subprocess.run(call, cwd=root, check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603
