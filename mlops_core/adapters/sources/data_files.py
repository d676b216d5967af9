"""The data files of a path: every one of them is taken, or the path is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mlops_core.adapters.sources.errors import NoEventsError, UnreadableEventsError

PARQUET, CSV = "parquet", "csv"
_FORMATS = {".parquet": PARQUET, ".csv": CSV, ".csv.gz": CSV}
_TABLES = {"_delta_log": "Delta", ".hoodie": "Hudi"}
"""Folders that make the one that they are in a table: its log says which of its files still count."""

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class DataFile:
    """A file of events; `constants` are the values of columns that it lacks, as text, by their names in lower case."""

    path: Path
    kind: str
    constants: tuple[tuple[str, str | None], ...] = ()


def data_files(setting: str, path: Path) -> list[DataFile]:
    """The files at `path`, a file or a folder, but for hidden ones: those that start with a dot or an underscore.

    `setting` is what names the path.

    Raises:
        NoEventsError: there is no data file, or one is a link to nothing.
        UnreadableEventsError: files of several formats or of an unknown one, or of a table whose log is not read.
    """
    _refuse_inside_of_table(path)
    files = sorted(_files(path)) if path.is_dir() else [_existing(path)]
    kinds = {_suffix(file): file for file in reversed(files)}
    if not kinds:
        raise NoEventsError(
            f"There is no data file in {path}{_hidden(path)}: point {setting} to a folder with .parquet or .csv."
        )
    if len({_FORMATS.get(suffix) for suffix in kinds}) > 1 or not kinds.keys() <= _FORMATS.keys():
        found = ", ".join(sorted(f"{suffix or 'no suffix'} ({file.name})" for suffix, file in kinds.items()))
        raise UnreadableEventsError(
            f"Files at {path} have {found}: point {setting} to files that are all .parquet or all .csv."
        )
    return [DataFile(file, _FORMATS[_suffix(file)], _folder_values(file)) for file in files]


def _files(folder: Path) -> Iterator[Path]:
    """All files below `folder` that are not hidden, through links too."""
    walked: set[Path] = set()
    for name, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        here = Path(name)
        if here.resolve() in walked:
            raise UnreadableEventsError(f"{here} is a link to a folder that is read already: remove the link.")
        walked.add(here.resolve())
        _refuse_table(here)
        folders[:] = [inner for inner in folders if not inner.startswith((".", "_"))]
        for file in files:
            if not file.startswith((".", "_")):
                yield _existing(here / file)


def _existing(file: Path) -> Path:
    if file.is_symlink():
        if not file.exists():
            raise NoEventsError(f"{file} is a link to {file.readlink()}, which does not exist: fix or remove it.")
        _refuse_inside_of_table(file.resolve())
    if not file.is_file():
        raise UnreadableEventsError(f"{file} is not a file with data (a pipe, a socket, a device): remove it.")
    return file


def _refuse(error: OSError) -> None:
    raise error


def _refuse_table(folder: Path) -> None:
    for log, kind in _TABLES.items():
        if (folder / log).is_dir():
            raise UnreadableEventsError(
                f"{folder} is a {kind} table, and only its log says which of its files still count: name "
                f"{'that folder itself' if kind == 'Delta' else 'an export of it in parquet'}."
            )
    if any((folder / "metadata").glob("*.metadata.json")):
        raise UnreadableEventsError(
            f"{folder} is an Iceberg table, and only its metadata says which of its files still count: name an "
            "export of it in parquet."
        )


def _refuse_inside_of_table(path: Path) -> None:
    for folder in path.parents:
        _refuse_table(folder)


def _suffix(file: Path) -> str:
    name = file.name.lower()
    return ".csv.gz" if name.endswith(".csv.gz") else file.suffix.lower()


def _hidden(path: Path) -> str:
    """What to say about hidden files of a folder without others."""
    inside = next((inner.name for inner in sorted(path.iterdir()) if inner.name.startswith((".", "_"))), None)
    return f" (names such as {inside}, with a dot or an underscore, are hidden files)" if inside else ""


def _folder_values(file: Path) -> tuple[tuple[str, str | None], ...]:
    """What the names of hive folders say, such as region=10103."""
    pairs = [part.partition("=") for part in file.parts[:-1] if "=" in part]
    return tuple((name.lower(), None if value == _NULL_PARTITION else unquote(value)) for name, _, value in pairs)
