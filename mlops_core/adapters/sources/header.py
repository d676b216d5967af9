"""Matching a file's columns to the declared ones."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.project import EventTable

MOST_SHOWN, LONGEST_SHOWN = 100, 100


def positions_of(events: EventTable, file: DataFile, names: Sequence[str]) -> dict[str, int]:
    """Position of each declared column in the file, whatever the case of its name and the blanks around it.

    A column that `file.constants` has may be missing.

    Raises:
        UnreadableEventsError: a column is missing, or the file has it more than once.
    """
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        found.setdefault(plain(name), []).append(position)
    positions = {name: found[plain(name)] for name in events.source_types if plain(name) in found}
    for column, places in positions.items():
        if len(places) > 1:
            written = " and ".join(repr(names[position]) for position in places)
            raise UnreadableEventsError(
                f"{file.path} has the column {column} more than once, {written}: leave one of them."
            )
    held = dict(file.constants)
    missing = [name for name in events.source_types if name not in positions and plain(name) not in held]
    if missing:
        raise UnreadableEventsError(_missing(events, file, missing, names))
    return {name: places[0] for name, places in positions.items()}


def plain(name: str) -> str:
    """A column's name normalized for comparison: lower case, stripped."""
    return name.strip().lower()


def _missing(events: EventTable, file: DataFile, missing: Sequence[str], names: Sequence[str]) -> str:
    expected = ", ".join(f"{name} ({kind})" for name, kind in events.source_types.items())
    if len(missing) == len(events.source_types) and file.kind == "csv":
        return f"{file.path} names no column of {events.nouns} in its first line: give it a header with {expected}."
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    has = (", ".join(name[:LONGEST_SHOWN] for name in names[:MOST_SHOWN]) or "none") + more
    return f"{file.path} lacks the columns {', '.join(missing)}; it has: {has}. Expected: {expected}."
