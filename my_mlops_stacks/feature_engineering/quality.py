"""What must hold of a feature table before anything looks it up."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.feature_engineering.feature_tables import PRIMARY_KEYS


def key_faults(features: DataFrame, days: tuple[date, date] | None = None) -> dict[str, int]:
    """Rows with a null in a key (`null_keys`) and rows beyond the first of a key (`duplicate_keys`).

    Args:
        days: the first and the last partition to look at; all, when None. A key has its time in it, so equal keys are
            of one day, and looking at a day costs the same whatever the table's history.
    """
    if days is not None:
        features = features.where(F.col("day").between(*map(F.lit, days)))
    missing = F.greatest(*(F.col(key).isNull().cast("int") for key in PRIMARY_KEYS))
    per_key = features.groupBy(*PRIMARY_KEYS).agg(F.count("*").alias("rows"), F.sum(missing).alias("nulls"))
    totals = per_key.agg(F.sum("nulls").alias("nulls"), F.sum(F.col("rows") - 1).alias("surplus")).collect()[0]
    return {"null_keys": totals["nulls"] or 0, "duplicate_keys": totals["surplus"] or 0}
