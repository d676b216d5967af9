"""Features recomputed from raw trips as of a moment: what the feature tables must agree with.

Deliberately another way than `features/`: it starts from one look-up, takes only trips that were over at that moment,
and finds the newest window among them. A trip that should not have been known cannot enter.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.feature_engineering.features import dropoff_features, pickup_features
from my_mlops_stacks.feature_engineering.features.windows import DROPOFF, LONGEST_TRIP, PICKUP

TOLERANCE = 1e-5
"""Relative; the tables keep the mean fare as a 32-bit float."""


def disagreements(trips: DataFrame, looked_up: DataFrame) -> list[dict[str, object]]:
    """Rows whose looked-up features differ from those recomputed at their pickup time; empty when there is no leak.

    Args:
        trips: all accepted trips, as they are now.
        looked_up: rows with `tpep_pickup_datetime`, `pickup_zip`, `dropoff_zip` and the looked-up features.
    """
    rows = looked_up.withColumn("row", F.monotonically_increasing_id())
    rows = rows.sparkSession.createDataFrame(rows.toArrow())  # a sample: its row numbers must not be drawn again
    at_pickup = _as_of(trips, rows, "pickup_zip", pickup_features.LENGTH, pickup_features.SLIDE)
    at_dropoff = _as_of(trips, rows, "dropoff_zip", dropoff_features.LENGTH, dropoff_features.LENGTH)
    weekend = F.dayofweek("ts").isin(dropoff_features.SUNDAY, dropoff_features.SATURDAY).cast("int")
    compared = rows.join(
        at_pickup.select("row", F.col("mean_fare").alias("expected_fare"), F.col("trips").alias("expected_pickups")),
        "row",
        "left",
    ).join(
        at_dropoff.select("row", F.col("trips").alias("expected_dropoffs"), weekend.alias("expected_weekend")),
        "row",
        "left",
    )
    differs = (
        ~_close("mean_fare_window_1h_pickup_zip", "expected_fare")
        | ~F.col("count_trips_window_1h_pickup_zip").eqNullSafe(F.col("expected_pickups"))
        | ~F.col("count_trips_window_30m_dropoff_zip").eqNullSafe(F.col("expected_dropoffs"))
        | ~F.col("dropoff_is_weekend").eqNullSafe(F.col("expected_weekend"))
    )
    return [row.asDict() for row in compared.where(differs).orderBy("row").collect()]


def _as_of(trips: DataFrame, rows: DataFrame, key: str, length: timedelta, slide: timedelta) -> DataFrame:
    """`row`, `ts`, `mean_fare` and `trips` of the newest window that had ended, and was not empty, at each pickup."""
    step, slices = int(slide.total_seconds()), length // slide
    asked = rows.select("row", F.col(key).alias("zip"), _slice(PICKUP, step).alias("now"))
    ended = trips.where(F.unix_seconds(DROPOFF) - F.unix_seconds(PICKUP) <= int(LONGEST_TRIP.total_seconds()))
    ended = ended.select(F.col(key).alias("zip"), "fare_amount", _slice(DROPOFF, step).alias("slice"))
    known = asked.join(ended, "zip").where(F.col("slice") < F.col("now"))
    newest = known.groupBy("row").agg(F.least(F.max("now"), F.max("slice") + slices).alias("end"))
    window = known.join(newest, "row").where(F.col("slice").between(F.col("end") - slices, F.col("end") - 1))
    return window.groupBy("row", F.timestamp_seconds(F.col("end") * step).alias("ts")).agg(
        F.avg("fare_amount").alias("mean_fare"), F.count("*").cast("int").alias("trips")
    )


def _slice(time: str, step: int) -> Column:
    return F.expr(f"unix_seconds({time}) div {step}")


def _close(found: str, expected: str) -> Column:
    difference = F.abs(F.col(found) - F.col(expected)) <= TOLERANCE * F.abs(F.col(expected))
    return F.coalesce(difference, F.col(found).isNull() & F.col(expected).isNull())
