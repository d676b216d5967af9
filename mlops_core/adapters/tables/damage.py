"""Damage to table folders (a crash, a full disk, deleted files), and how to recover."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from mlops_core.adapters.plain_paths import plain_path

REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space, then launch the run again",
    errno.EROFS: "it can only be read: let this user write there, or set state_folder to another folder",
    errno.EACCES: "this user may not write there: give the right, or set state_folder to another folder",
    errno.ENOTDIR: "a file lies where a folder belongs: move it away",
}
"""Error number of the operating system -> remedy; engines pass the number on in their messages."""

SQLITE = {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EROFS,
}


class StateError(RuntimeError):
    """The tables' folder is unusable; the message names it and the fix."""


@contextmanager
def folder_answers(folder: Path) -> Iterator[None]:
    """Explain an error of the operating system while the table in `folder` is written; the table is unchanged.

    Raises:
        StateError: in place of the engine's error, which is its cause.
    """
    try:
        yield
    except Exception as error:
        if (remedy := remedy_of(error)) is None:
            raise
        raise StateError(f"{folder} could not be written, and is as it was: {remedy}.") from error


def remedy_of(error: BaseException) -> str | None:
    """The remedy for an error that the operating system caused; None for any other."""
    if isinstance(error, OSError):
        return REMEDIES.get(error.errno or 0)
    text = str(error)
    said = [number for number in REMEDIES if f"(os error {number})" in text or f"[Errno {number}]" in text]
    said += [number for sentence, number in SQLITE.items() if sentence in text]
    return REMEDIES[said[0]] if said else None


def damage(schema_folder: Path) -> Iterator[str]:
    """A sentence for each table of the folder whose log or data files are incomplete."""
    for log in sorted(schema_folder.glob("*/_delta_log")):
        if any(log.glob("*.json")) and (fault := _fault(log)):
            table = log.parent
            yield (
                f"The table in {table} is damaged, {fault}: put the file back, or delete this folder and materialize "
                f"'{table.name}' again, all its partitions."
            )


def _fault(log: Path) -> str | None:
    commits = {int(file.stem): file for file in log.glob("*.json") if file.stem.isdecimal()}
    checkpoints = [int(file.name.split(".")[0]) for file in log.glob("*.checkpoint*.parquet")]
    needed = range(max(checkpoints, default=-1) + 1, max(commits) + 1)
    for version in needed:
        if version not in commits:
            return f"commit {version} is missing in its log"
        if not _is_whole(commits[version]):
            return f"{commits[version]} can't be read"
    return _missing_file(log.parent)


def _is_whole(commit: Path) -> bool:
    try:
        actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
    except (ValueError, RecursionError):
        return False
    return bool(actions) and all(isinstance(action, dict) for action in actions)


def _missing_file(table: Path) -> str | None:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        held = DeltaTable(str(plain_path(table))).get_add_actions(flatten=True)
    except DeltaError as error:
        return f"its log can't be followed ({str(error).partition(chr(10))[0][:200]})"
    paths = [unquote(path) for path in held.column("path").to_pylist()]
    sizes = held.column("size_bytes").to_pylist()
    for path, size in zip(paths, sizes, strict=True):
        file = table / path
        if not file.exists():
            return f"{file} is missing"
        if file.stat().st_size != size:
            return f"{file} is cut off"
    return None
