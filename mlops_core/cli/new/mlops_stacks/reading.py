"""Finding an MLOps Stacks project, and reading its bundle."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.mlops_stacks.bundle import StacksBundle
from mlops_core.config import TargetError
from mlops_core.config.files import ROOT_FILE, read_file, read_files

UNRENDERED = re.compile(r"\{\{-?\s*(\.input_|template |if |else|end\b)")
CICD = "cicd_params.json"
SHOWN = 60


def read_bundle(given: Path) -> StacksBundle:
    """The bundle in `given`, or in the one folder of it that has one.

    Raises:
        NewProjectError: it is no MLOps Stacks project that was rendered, or a file of it can't be read.
    """
    folder = _folder(given)
    try:
        _refuse_unrendered(folder)
        files = read_files(folder)
        included = {ROOT_FILE, *files.origins.values()}
        others = tuple(file for file in _resource_files(folder) if file not in included)
        for file in others:
            files.add(file, read_file(folder, file))
        bundle = StacksBundle(folder, files, others)
        is_trained = any(True for target in bundle.targets for _ in bundle.jobs(target, "model"))
    except OSError as error:
        raise NewProjectError(f"{error.filename} can't be read: {error.strerror}.") from None
    except TargetError as error:
        raise NewProjectError(f"{folder} can't be imported: {error}") from None
    if not bundle.targets:
        raise NewProjectError(f"{folder / ROOT_FILE} names no targets: name the folder of an MLOps Stacks project.")
    if not is_trained:
        raise NewProjectError(
            f"{folder / ROOT_FILE} is that of no MLOps Stacks project, or of half of one, for none of its jobs runs a "
            "notebook of training/: include the file of that job, such as resources/model-workflow-resource.yml."
        )
    return bundle


def _folder(given: Path) -> Path:
    if not given.is_dir():
        raise NewProjectError(f"{given} is no folder: name the one of an MLOps Stacks project.")
    if any(path.name.startswith("{{") for path in (*given.glob("*"), *given.glob("template/*"))):
        raise NewProjectError(f"{given} is a template that was not rendered: run `databricks bundle init` on it first.")
    if (given / ROOT_FILE).is_file():
        return given
    found = sorted(file.parent for file in given.glob(f"*/{ROOT_FILE}"))
    if len(found) > 1:
        raise NewProjectError(f"{given} has several projects: name one of {', '.join(map(str, found))}.")
    if not found:
        only = " (here is only the CI/CD of one)" if (given / CICD).exists() else ""
        raise NewProjectError(
            f"{given} has no {ROOT_FILE}, nor has a folder in it: name the folder of an MLOps Stacks project{only}."
        )
    return found[0]


def _refuse_unrendered(folder: Path) -> None:
    for file in (ROOT_FILE, *_resource_files(folder)):
        for number, line in enumerate((folder / file).read_text(errors="replace").splitlines(), 1):
            if UNRENDERED.search(line):
                raise NewProjectError(
                    f"{folder / file}, line {number}, is of a template that was not rendered "
                    f"({line.strip()[:SHOWN]}): run `databricks bundle init` on it first."
                )


def _resource_files(folder: Path) -> list[str]:
    return sorted(f"resources/{file.name}" for file in folder.glob("resources/*.y*ml") if file.is_file())
