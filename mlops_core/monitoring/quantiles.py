"""Exact quantiles by group, from each group's sorted values; with `percentile` a profile takes 50 % longer."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.columns import QUANTILES

IN_ORDER = "sort_array(collect_list({0}))"
"""SQL of the aggregate that `with_quantiles` expects as `<column>__in_order`."""


def with_quantiles(groups: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The groups with `<column>__quantiles` in place of the values in order; null for groups without values."""
    quantiles = {f"{name}__quantiles": F.expr(_quantiles(name)) for name in columns}
    if not columns:
        return groups
    return groups.withColumns(quantiles).drop(*(f"{name}__in_order" for name in columns))


def _quantiles(column: str) -> str:
    """SQL of `QUANTILES`, each interpolated between the two nearest values, as pandas and `percentile` do."""
    values, shares = f"{column}__in_order", ", ".join(f"{share:g}D" for share in QUANTILES)
    place = f"(share * (size({values}) - 1))"
    low, high = (f"get({values}, cast({end}{place} AS int))" for end in ("floor", "ceil"))
    interpolated = f"{low} + ({place} - floor{place}) * ({high} - {low})"
    return f"CASE WHEN {column}__present > 0 THEN transform(array({shares}), share -> {interpolated}) END"
