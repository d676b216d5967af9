"""SQL that a project writes, so that all engines read it alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = r"(?<![\w.])(?:\d+\.\d*|\.\d+)(?![\w.])"
_PARTS = re.compile(rf"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|(?P<number>{_NUMBER})""")


def with_doubles(sql: str) -> str:
    """The expression with its decimal literals as doubles, which no column of a project differs from.

    Beside a decimal, Sail makes a decimal of a double too, and fails on NaN and on large numbers.
    """
    return _PARTS.sub(lambda part: f"{part[0]}D" if part["number"] else part[0], sql)


def named_columns(sql: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that an expression names, in the order in which it does: in any case, and not within texts."""
    known = {name.lower(): name for name in columns}
    bare = _PARTS.sub(lambda part: part[0] if part[0].startswith("`") else " ", sql)
    words = dict.fromkeys(word.lower() for word in re.findall(r"\w+", bare))
    return tuple(known[word] for word in words if word in known)
