"""Valid names: to Spark, column names that differ only by case are the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from mlops_core.adapters.feature_store.moments import FOUND, MOMENT, SIDE
from mlops_core.adapters.feature_store.point_in_time import FEATURE, KEY

ROWS = "__rows"
RESERVED = re.compile("|".join([MOMENT, SIDE, FEATURE, FOUND, ROWS, KEY.format(r"\d+")]), re.IGNORECASE)
"""Names of intermediate columns of look-ups and checks."""
TABLE_NAME = re.compile(r"[^. /`\x00-\x1f\x7f]+(\.[^. /`\x00-\x1f\x7f]+){0,2}")


def repeated(names: Iterable[str]) -> list[str]:
    """The names that occur twice, ignoring case, in order."""
    listed = list(names)
    counts = Counter(name.casefold() for name in listed)
    return sorted({name for name in listed if counts[name.casefold()] > 1})


def taken(names: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Those of `names` that `columns` contain, ignoring case."""
    held = {column.casefold() for column in columns}
    return [name for name in names if name.casefold() in held]


def check_columns(columns: Sequence[str]) -> None:
    """Refuse a DataFrame whose columns have names that do not work.

    Raises:
        ValueError: a name is there twice, or is none that `check_names` takes.
    """
    if twice := repeated(columns):
        raise ValueError(f"The DataFrame names a column twice: {twice}. Spark does not tell them apart by case.")
    check_names(columns)


def check_names(names: Iterable[str]) -> None:
    """Refuse names that the feature store needs for itself, and those that Databricks' client takes for paths.

    Raises:
        ValueError: says which.
    """
    listed = list(names)
    if reserved := [name for name in listed if RESERVED.fullmatch(name)]:
        raise ValueError(f"The feature store needs the names {reserved} for columns of its own: rename yours.")
    if paths := [name for name in listed if "." in name or "`" in name]:
        raise ValueError(
            f"The column names {paths} have a dot or a backtick, with which Databricks' client finds no column: rename "
            "them."
        )


def check_table_name(name: str) -> None:
    """Check the name of a feature table.

    Raises:
        ValueError: it is not `table`, `schema.table` or `catalog.schema.table`, or has a space, slash or backtick.
        TypeError: it is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"A feature table is named by a text, not by {name!r}.")
    if not TABLE_NAME.fullmatch(name):
        raise ValueError(
            f"'{name}' names no feature table: write table, schema.table or catalog.schema.table, without spaces, "
            "slashes and backticks."
        )
