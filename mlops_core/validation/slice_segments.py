"""Which segment of a slice a row is in: the same of rows in pandas and of rows in Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.project.slices import ByBand, ByHour, ByValue, Slice

ALL, OTHER, MISSING = "all", "other", "missing"
HOURS_OF_DAY, OF_VALUE = 24, "events_of_value"

Frequent = Mapping[str, Sequence[Any]]
"""Name of a slice by value -> its values that have a segment of their own, the most frequent first."""


def segments(slice_: Slice, values: pd.Series, frequent: Sequence[Any] | None = None) -> pd.Categorical:
    """The segment of each row, in the order in which people read them.

    Args:
        frequent: of a slice by value, those that have a segment of their own; by default the frequent ones of `values`.
    """
    if isinstance(slice_, ByValue):
        named = list(values.value_counts().index[: slice_.most] if frequent is None else frequent)
        other = OTHER if OTHER not in named else f"all {OTHER}"
        return pd.Categorical(values, [*named, other]).fillna(other).rename_categories(str)
    if isinstance(slice_, ByHour):
        names = [f"{hour:02}" for hour in range(HOURS_OF_DAY)]
        found = pd.Categorical.from_codes(values.dt.hour.fillna(-1).astype(int).tolist(), pd.Index(names))
    elif isinstance(slice_, ByBand):
        found = pd.cut(values, [0.0, *slice_.edges, np.inf], right=False, labels=list(slice_.bands)).array
    else:
        raise TypeError(f"Nothing divides rows by the slice '{slice_.name}', a {type(slice_).__name__}.")
    return found.add_categories([MISSING]).fillna(MISSING)


def place(slice_: Slice, frequent: Frequent) -> Column:
    """The code of that segment, of rows in Spark."""
    column = F.col(slice_.column)
    if isinstance(slice_, ByValue):
        named = frequent[slice_.name]
        return F.coalesce(*(F.when(column == F.lit(each), at) for at, each in enumerate(named)), F.lit(len(named)))
    if isinstance(slice_, ByHour):
        return F.coalesce(F.expr(slice_.group), F.lit(HOURS_OF_DAY))
    if isinstance(slice_, ByBand):
        return F.when((column >= 0) & (column < float("inf")), F.expr(slice_.group)).otherwise(len(slice_.bands))
    raise TypeError(f"Nothing divides rows by the slice '{slice_.name}', a {type(slice_).__name__}.")


def frequent_values(rows: DataFrame, slices: Sequence[Slice]) -> dict[str, list[Any]]:
    """Of each slice by value, the values of most rows; of equally many, the first in their order."""
    return {each.name: _frequent(rows, each) for each in slices if isinstance(each, ByValue)}


def _frequent(rows: DataFrame, slice_: ByValue) -> list[Any]:
    known = rows.where(F.col(slice_.column).isNotNull())
    counted = known.groupBy(slice_.column).agg(F.count("*").alias(OF_VALUE))
    found = counted.orderBy(F.desc(OF_VALUE), slice_.column).limit(slice_.most).toPandas()
    return found[slice_.column].tolist()
