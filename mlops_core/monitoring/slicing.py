"""Rows grouped as a whole and in every slice, in one pass."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.project import Slice

SLICE = ("slice_key", "slice_value")


def with_slices(rows: DataFrame, slices: Sequence[Slice]) -> DataFrame:
    """A column for each slice, which rows are grouped by: numbers where there are some, for texts group slowly."""
    return rows.withColumns({each.name: F.expr(each.group) for each in slices}) if slices else rows


def grouping_sets(slices: Sequence[Slice], keys: Sequence[str]) -> str:
    """SQL that groups by `keys` alone, and by them and each of `slices`."""
    sets = [", ".join(names) for names in (keys, *((*keys, each.name) for each in slices))]
    return f"GROUPING SETS (({'), ('.join(sets)}))"


def slice_key(slices: Sequence[Slice]) -> str:
    """SQL for the `slice_key` of a group of `grouping_sets`; null for all rows."""
    if not slices:
        return "CAST(NULL AS STRING)"
    return f"CASE {' '.join(f'WHEN grouping({each.name}) = 0 THEN {each.name!r}' for each in slices)} END"


def slice_value(slices: Sequence[Slice]) -> Column:
    """The text of a group, from its `slice_key` and its value."""
    texts = (F.when(F.col("slice_key") == each.name, F.expr(each.text)) for each in slices)
    return F.coalesce(*texts, F.lit(None).cast("string"))
