"""Which columns of a file are those of trips."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.errors import UnreadableTripsError
from mlops_core.ingestion.columns import RAW_COLUMNS


def columns_of_trips(file: DataFile, names: Sequence[str]) -> dict[str, int]:
    """Position of each column of trips in the file, whatever the case of its name and the blanks around it.

    A column that `file.constants` has may be missing.

    Raises:
        UnreadableTripsError: a column is missing, or the file has it more than once.
    """
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        positions.setdefault(plain(name), []).append(position)
    for column in RAW_COLUMNS:
        if len(positions.get(column, [])) > 1:
            found = " and ".join(repr(names[position]) for position in positions[column])
            raise UnreadableTripsError(
                f"{file.path} has the column {column} more than once, {found}: leave one of them."
            )
    missing = [name for name in RAW_COLUMNS if name not in positions and name not in dict(file.constants)]
    if missing:
        raise UnreadableTripsError(_missing(file, missing, names))
    return {name: positions[name][0] for name in RAW_COLUMNS if name in positions}


def plain(name: str) -> str:
    """A column's name as it is compared: in lower case, without blanks around it."""
    return name.strip().lower()


def _missing(file: DataFile, missing: Sequence[str], names: Sequence[str]) -> str:
    expected = ", ".join(f"{name} ({kind})" for name, (kind, _) in RAW_COLUMNS.items())
    if len(missing) == len(RAW_COLUMNS) and file.kind == "csv":
        return f"{file.path} names no column of trips in its first line: give it a header with {expected}."
    has = ", ".join(names) or "none"
    return f"{file.path} lacks the columns {', '.join(missing)}; it has: {has}. Expected: {expected}."
