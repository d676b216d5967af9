"""Sets up a project of a repository: the project where it is missing, its pipelines, its code location."""

from __future__ import annotations

import keyword
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cicd.pipelines import pipelines_of, shared_files

CODE_SERVERS = Path("deploy/kubernetes/dagster-values.yaml")
CODE_SERVER = "      - {{ host: {host}, port: 4000, name: {name} }}\n"


class ProjectError(ValueError):
    """The project can't be set up: one sentence with the fix."""


def set_up_project(root: Path, name: str, arguments: Sequence[str] = ()) -> None:
    """Set up the project `name` in the repository at `root`; `arguments` are those of `mlops_core.cli.new`.

    What is there already and as it should be stays as it is; a project's own files are never touched again.

    Raises:
        ProjectError: the name can't be one, the project can't be made, or a link leads out of the repository.
    """
    check_name(name)
    missing = {path: text for path, text in shared_files().items() if not (root / path).exists()}
    files = {**missing, **pipelines_of(name, root)}
    for path in (Path(name), *files, Path("workspace.yaml"), CODE_SERVERS):
        _refuse_outside(root, root / path)
    if not (root / name / "databricks.yml").is_file():
        _make(root, name, arguments)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    _add_code_location(root / "workspace.yaml", name)
    _add_code_server(root / CODE_SERVERS, name)


def check_name(name: str) -> None:
    """Raises `ProjectError` when no package, branch and pipeline can be called so."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", name) or keyword.iskeyword(name):
        raise ProjectError(
            f"The project's name is {name!r}: use 2 to 30 lower-case letters, digits and underscores, and no keyword."
        )


def _refuse_outside(root: Path, path: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise ProjectError(f"{path} leads to {path.resolve()}, out of the repository: remove the link.")


def _make(root: Path, name: str, arguments: Sequence[str]) -> None:
    if (root / name).exists():
        raise ProjectError(f"{name} is a folder that is no project, as it has no databricks.yml: take another name.")
    if not (root / "copier.yml").is_file():
        projects = sorted(bundle.parent.name for bundle in root.glob("*/databricks.yml"))
        raise ProjectError(f"This repository can't make the project {name}: name one that is here, {projects}.")
    command = [sys.executable, "-m", "mlops_core.cli.new", name, *arguments]
    environ = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environ, check=False, capture_output=True, text=True)  # noqa: S603
    sys.stderr.write(done.stdout)
    if done.returncode:
        raise ProjectError(done.stderr.strip() or done.stdout.strip())


def _add_code_location(workspace: Path, name: str) -> None:
    from mlops_core.cli.new.code_location import CodeLocationError, with_code_location

    try:
        workspace.write_text(with_code_location(workspace.read_text() if workspace.exists() else "", name))
    except CodeLocationError as error:
        raise ProjectError(str(error)) from error


def _add_code_server(values: Path, name: str) -> None:
    """Where Dagster's webserver on Kubernetes finds the project, after the servers that it knows."""
    if not values.exists():
        return
    text = values.read_text()
    if name in re.findall(r"port: 4000, name: (\w+)", text):
        return
    *_, last = re.finditer(r"^ +- \{ host: [\w-]+, port: 4000, name: \w+ \}\n", text, re.MULTILINE)
    server = CODE_SERVER.format(host=name.replace("_", "-"), name=name)
    values.write_text(text[: last.end()] + server + text[last.end() :])
