"""SQL that a project writes, so that all engines read it alike."""

from __future__ import annotations

import re

_NUMBER = r"(?<![\w.])(?:\d+\.\d*|\.\d+)(?![\w.])"
_PARTS = re.compile(rf"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|(?P<number>{_NUMBER})""")


def with_doubles(sql: str) -> str:
    """The expression with its decimal literals as doubles, which no column of a project differs from.

    Beside a decimal, Sail makes a decimal of a double too, and fails on NaN and on large numbers.
    """
    return _PARTS.sub(lambda part: f"{part[0]}D" if part["number"] else part[0], sql)
