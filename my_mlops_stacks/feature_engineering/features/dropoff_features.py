"""Arrivals around the drop-off: one row per zip and half hour."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.feature_engineering.features.windows import DROPOFF, ended_trips, in_days, sliding_sums

LENGTH = timedelta(minutes=30)
SUNDAY, SATURDAY = 1, 7  # Spark's dayofweek


def compute_dropoff_features(trips: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """Drop-off features whose window ends in [`first_day`, `last_day`].

    Args:
        trips: accepted trips; may hold any days, those of the look-back are needed.

    Returns: one row per `zip` and `ts` (window end) with at least one trip in its window: `zip` int, `ts` timestamp,
        `count_trips_window_30m_dropoff_zip` int, `dropoff_is_weekend` int (1 when `ts` is a Saturday or Sunday of
        the wall clock, else 0), `day` date.
    """
    ended = ended_trips(trips, first_day, last_day, LENGTH)
    windows = sliding_sums(ended, "dropoff_zip", DROPOFF, length=LENGTH, slide=LENGTH, sums={"trips": F.lit(1)})
    features = windows.select(
        "zip",
        "ts",
        F.col("trips").cast("int").alias("count_trips_window_30m_dropoff_zip"),
        F.dayofweek("ts").isin(SUNDAY, SATURDAY).cast("int").alias("dropoff_is_weekend"),
    )
    return in_days(features, first_day, last_day)
