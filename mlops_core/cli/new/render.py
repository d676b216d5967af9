"""Answers become the files of a project: by copier, from the template of the repository, all of them or none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.code_location import CodeLocationError, with_code_location

WORKSPACE = "workspace.yaml"
LOCK = Path(".local", "new-project.lock")
PATIENCE_S = 60


class RenderError(RuntimeError):
    """The project can't be written: one sentence with the fix."""


def render(answers: Answers, root: Path) -> list[Path]:
    """Write the project into the repository at `root`, with its code location; returns its files, relative to `root`.

    The template is that of the last commit, which the answers file names: a later one is merged from there. Of two
    that are made at once one waits for the other's files.

    Raises:
        RenderError: there is no template, a file is there already, or nothing may be written.
    """
    if not (root / "copier.yml").is_file():
        raise RenderError(f"{root} has no template of projects, copier.yml: name a folder of this repository.")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / "made"
        _copy(answers, _template(root, folder.with_name("template")), folder)
        files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        with _alone(root):
            if taken := [file for file in files if (root / file).exists()]:
                raise RenderError(
                    f"{taken[0]} is there already: choose another name, or remove what is left of a project."
                )
            _move(files, folder, root, _workspace(root, answers.project))
    return files


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody else makes a project in `root` meanwhile; the lock ends with its process.

    Raises:
        RenderError: somebody does for longer than it takes, or nothing may be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(root / LOCK)
    try:
        (root / LOCK).parent.mkdir(exist_ok=True)
        lock.acquire(timeout=PATIENCE_S)
    except Timeout as error:
        raise RenderError(
            f"Another project is being made in {root} for more than {PATIENCE_S} s: try again when it is there, or end "
            f"what holds {root / LOCK}."
        ) from error
    except OSError as error:
        raise RenderError(f"{error.filename} can't be written, so nothing was: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def _workspace(root: Path, project: str) -> str:
    """What workspace.yaml will say."""
    file = root / WORKSPACE
    try:
        return with_code_location(file.read_text() if file.exists() else "", project)
    except CodeLocationError as error:
        raise RenderError(str(error)) from error
    except OSError as error:
        raise RenderError(f"{file} can't be read: {error.strerror}.") from error


def _template(root: Path, clone: Path) -> Path:
    """The template as it was committed last, in a clone; the folder itself where there is no repository."""
    if not (root / ".git").exists():
        return root
    command = ["git", "clone", "--quiet", "--shared", "--", str(root), str(clone)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RenderError(f"git can't read {root}, where the template is: {done.stderr.strip()}.")
    return clone


def _copy(answers: Answers, template: Path, folder: Path) -> None:
    from copier import run_copy

    given = answers.model_dump(mode="json")
    run_copy(str(template), folder, data=given, vcs_ref="HEAD", defaults=True, overwrite=True, quiet=True)


def _move(files: list[Path], made: Path, root: Path, workspace: str) -> None:
    """All of them, and what workspace.yaml says; what was written goes again when one can't be, or at Ctrl-C."""
    written: list[Path] = []
    next_workspace = root / f".{WORKSPACE}"
    try:
        for file in files:
            missing = [folder for folder in (root / file).parents if not folder.exists()]
            written += reversed(missing)
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            written.append(root / file)
            shutil.copy(made / file, root / file)
        written.append(next_workspace)
        next_workspace.write_text(workspace)
        next_workspace.replace((root / WORKSPACE).resolve())
    except BaseException as error:
        for path in reversed(written):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise RenderError(f"{error.filename} can't be written, so nothing was: {error.strerror}.") from error
