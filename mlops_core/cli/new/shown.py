"""What is proposed, as people read it before anything is written."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

from mlops_core.cli.new.ask import Line

_WHAT, _VALUE, _NARROWEST = 16, 44, 100
_MOST_OF_A_KIND = 12


def table(lines: Iterable[Line]) -> str:
    """What, value and reason, one below the other in columns; of many columns of one kind only the first."""
    width = max(shutil.get_terminal_size((120, 20)).columns, _NARROWEST)
    return "\n".join(row for line in _few(list(lines)) for row in _rows(line, width))


def _few(lines: list[Line]) -> list[Line]:
    """The lines, with those of one kind that are too many to read in one."""
    shown: list[Line] = []
    for place, line in enumerate(lines):
        alike = [each for each in lines if each.what == line.what]
        before = sum(each.what == line.what for each in lines[:place])
        if before < _MOST_OF_A_KIND:
            shown.append(line)
        elif before == _MOST_OF_A_KIND:
            shown.append(Line(line.what, f"{len(alike) - before} more", "for such reasons"))
    return shown


def _rows(line: Line, width: int) -> list[str]:
    what = textwrap.wrap(line.what, _WHAT) or [""]
    value = textwrap.wrap(line.value, _VALUE) or ["-"]
    reason = textwrap.wrap(line.reason, width - _WHAT - _VALUE - 4) or [""]
    count = max(map(len, (what, value, reason)))
    cells = ([*column, *[""] * (count - len(column))] for column in (what, value, reason))
    return [f"{a:{_WHAT}}  {b:{_VALUE}}  {c}".rstrip() for a, b, c in zip(*cells, strict=True)]
