"""Many columns as one, nested two by two: Spark Connect reads no expression that is a hundred levels deep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import add, and_, or_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def any_of(conditions: Iterable[Column]) -> Column:
    """Whether one of them holds; there is one at least."""
    return _paired(or_, list(conditions))


def all_of(conditions: Iterable[Column]) -> Column:
    """Whether all of them hold; there is one at least."""
    return _paired(and_, list(conditions))


def total(numbers: Iterable[Column]) -> Column:
    """Their sum; there is one at least."""
    return _paired(add, list(numbers))


def _paired(combine: Callable[[Column, Column], Column], columns: list[Column]) -> Column:
    if len(columns) == 1:
        return columns[0]
    middle = len(columns) // 2
    return combine(_paired(combine, columns[:middle]), _paired(combine, columns[middle:]))
