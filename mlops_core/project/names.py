"""Names of columns and feature tables that LightGBM, Delta and Unity Catalog all take as they are.

LightGBM turns a blank into an underscore and refuses `,:"[]{}`; Delta refuses ` ,;{}()=`, tabs and new lines on Spark,
and names that differ by case alone; Unity Catalog stores the names of tables in lower case, takes 255 characters, and
wants everything beyond letters, digits and underscores in backticks. A local run would take most of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 255
COLUMN = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST - 1}}}")
TABLE = re.compile(rf"[a-z_][a-z0-9_]{{0,{LONGEST - 1}}}")


class NameRefusedError(ValueError):
    """A name that one of the systems refuses or changes; the message names it and says what is allowed."""


def require_columns(names: Iterable[str], place: str) -> None:
    """Refuse a name that cannot name a column in all of the systems, or that is taken for another one of `names`.

    Raises:
        NameRefusedError: `place` says where the name is written.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not COLUMN.fullmatch(name):
            raise NameRefusedError(
                f"{place}: {name[:LONGEST]!r} cannot name a column, for LightGBM, Delta or Unity Catalog would refuse "
                f"or change it: use up to {LONGEST} of the letters a to z, digits and underscores, no digit first."
            )
        if (other := seen.get(name.lower())) is not None:
            differ = "are the same" if other == name else "differ by case alone, so Delta takes them for one column"
            raise NameRefusedError(f"{place}: '{other}' and '{name}' {differ}: rename one of them.")
        seen[name.lower()] = name


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
