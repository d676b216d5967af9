"""Rows swallowed by an unclosed quote: the value runs on to the next quote or the end of the file.

Values may contain line breaks, so that alone is no error. It is one when a continuation line is a row by itself: it has
the file's number of fields, and a day in a time column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from mlops_core.adapters.sources.csv_dialect import Dialect, opened
from mlops_core.adapters.sources.csv_formats import DAY
from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.project import EventTable

_DAY = re.compile(rf"\s*{DAY}")


def refuse_swallowed(events: EventTable, file: DataFile, dialect: Dialect) -> None:
    """Read the whole file by lines.

    Raises:
        UnreadableEventsError: a row holds other rows; it names the line where it starts.
    """
    times = [place for name, place in dialect.columns.items() if events.types[name] in ("timestamp", "date")]
    times = times or list(dialect.columns.values())
    taken: list[str] = []
    end = 0
    with opened(file) as stream:
        rows = dialect.rows(_noted(io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline=""), taken))
        while True:
            start, fields = end + 1, _next(rows)
            if fields is None:
                return
            if len(taken) > 1 and _is_several(taken, fields, dialect, times):
                raise UnreadableEventsError(
                    f"{file.path}, line {start}: a quote that is opened here has no end, and takes {len(taken) - 1:,} "
                    f"further lines with it: close or remove it."
                )
            end += len(taken)
            taken.clear()


def _noted(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _next(rows: Iterator[list[str]]) -> list[str] | None:
    """The next row; without fields, if one value is too long to be one. None at the end."""
    try:
        return next(rows, None)
    except csv.Error:
        return []


def _is_several(lines: list[str], fields: list[str], dialect: Dialect, times: list[int]) -> bool:
    alone = [_is_row(line, dialect, times) for line in lines]
    # Of a row with line breaks in a value, the first or the last line may look whole; not both, and none in between.
    return sum(alone) > 1 if len(fields) == dialect.width else any(alone[1:])


def _is_row(line: str, dialect: Dialect, times: list[int]) -> bool:
    quoted, plain = next(dialect.rows(iter([line])), []), line.replace('"', "").split(dialect.separator)
    return any(
        len(fields) == dialect.width and any(_DAY.match(fields[place]) for place in times) for fields in (quoted, plain)
    )
