"""Names of columns and feature tables that LightGBM, Delta and Unity Catalog all take as they are.

LightGBM turns a blank into an underscore and refuses `,:"[]{}`; Delta refuses ` ,;{}()=`, tabs and new lines on Spark,
and names that differ by case alone; Unity Catalog stores the names of tables in lower case, takes 255 characters, and
wants everything beyond letters, digits and underscores in backticks. A local run would take most of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 255
SHOWN = 20
"""So many names are told one by one."""
COLUMN = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST - 1}}}")
TABLE = re.compile(rf"[a-z_][a-z0-9_]{{0,{LONGEST - 1}}}")


class NameRefusedError(ValueError):
    """A name that one of the systems refuses or changes; the message names it and says what is allowed."""


def require_columns(names: Iterable[str], place: str) -> None:
    """Refuse a name that cannot name a column in all of the systems, or that is taken for another one of `names`.

    Raises:
        NameRefusedError: tells all such names; `place` says where they are written.
    """
    names, seen = list(names), dict[str, str]()
    problems, twins = [], []
    for name in names:
        if name.lower() in seen:
            twins.append(_twins(seen[name.lower()], name))
        seen.setdefault(name.lower(), name)
    if wrong := [repr(name[:LONGEST]) for name in names if not COLUMN.fullmatch(name)]:
        problems.append(
            f"{_and(wrong)} cannot name a column, for LightGBM, Delta or Unity Catalog would refuse or change "
            f"{'it' if len(wrong) == 1 else 'them'}: use up to {LONGEST} of the letters a to z, digits and "
            "underscores, no digit first."
        )
    if twins:
        problems.append(f"{_and(twins)}: rename one of {'them' if len(twins) == 1 else 'each pair'}.")
    if problems:
        raise NameRefusedError(f"{place}: {' '.join(problems)}")


def _twins(first: str, second: str) -> str:
    differ = "are the same" if first == second else "differ by case alone, so Delta takes them for one column"
    return f"'{first}' and '{second}' {differ}"


def _and(words: list[str]) -> str:
    """Words in a sentence, of very many only the first."""
    shown = words if len(words) <= SHOWN else [*words[:SHOWN], f"{len(words) - SHOWN} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def require_table(name: str, place: str) -> None:
    """Refuse a name (without catalog and schema) that cannot name a table in all of the systems.

    Raises:
        NameRefusedError: `place` says where the name is written.
    """
    if not TABLE.fullmatch(name):
        raise NameRefusedError(
            f"{place}: {name[:LONGEST]!r} cannot name a table, for Delta or Unity Catalog would refuse or change it: "
            f"use up to {LONGEST} of the lower-case letters a to z, digits and underscores, no digit first."
        )
