"""Which column names can stand in one DataFrame: Spark takes names that differ by case alone for the same one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from my_mlops_stacks.adapters.feature_store.point_in_time import FEATURE, FOUND, KEY, MOMENT

ROWS = "__rows"
RESERVED = re.compile("|".join([MOMENT, FEATURE, FOUND, ROWS, KEY.format(r"\d+")]), re.IGNORECASE)
"""Names of columns that look-ups and checks add on their way."""


def repeated(names: Iterable[str]) -> list[str]:
    """The names that are there twice, whatever their case, in order."""
    listed = list(names)
    counts = Counter(name.casefold() for name in listed)
    return sorted({name for name in listed if counts[name.casefold()] > 1})


def taken(names: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Those of `names` that `columns` have, whatever their case."""
    held = {column.casefold() for column in columns}
    return [name for name in names if name.casefold() in held]


def check_columns(columns: Sequence[str]) -> None:
    """Refuse a DataFrame whose columns have names that do not work.

    Raises:
        ValueError: a name is there twice, or is one that the feature store needs for itself.
    """
    if twice := repeated(columns):
        raise ValueError(f"The DataFrame names a column twice: {twice}. Spark does not tell them apart by case.")
    check_reserved(columns)


def check_reserved(names: Iterable[str]) -> None:
    """Refuse names that the feature store needs for itself.

    Raises:
        ValueError: says which.
    """
    reserved = [name for name in names if RESERVED.fullmatch(name)]
    if reserved:
        raise ValueError(f"The feature store needs the names {reserved} for columns of its own: rename yours.")
