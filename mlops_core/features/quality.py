"""Data quality of a feature table, checked before anything looks it up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.balanced import any_of
from mlops_core.project.events import DAY


def key_faults(
    features: DataFrame, primary_keys: Sequence[str], days: tuple[date, date] | None = None
) -> dict[str, int]:
    """Rows with a null in a key (`null_keys`) and rows beyond the first of a key (`duplicate_keys`).

    Args:
        primary_keys: the columns of the key, the time among them.
        days: the first and the last partition to look at; all, when None. A key has its time in it, so equal keys are
            of one day, and looking at a day costs the same whatever the table's history.
    """
    if days is not None:
        features = features.where(F.col(DAY).between(*map(F.lit, days)))
    missing = any_of(F.col(key).isNull() for key in primary_keys).cast("int")
    per_key = features.groupBy(*primary_keys).agg(F.count("*").alias("rows"), F.sum(missing).alias("nulls"))
    totals = per_key.agg(F.sum("nulls").alias("nulls"), F.sum(F.col("rows") - 1).alias("surplus")).collect()[0]
    return {"null_keys": totals["nulls"] or 0, "duplicate_keys": totals["surplus"] or 0}
