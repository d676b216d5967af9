"""Demand and price level around the pickup: one row per zip and hour that slides by a quarter of an hour."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.feature_engineering.features.windows import DROPOFF, FARE, ended_trips, in_days, sliding_sums

LENGTH, SLIDE = timedelta(hours=1), timedelta(minutes=15)

UNITS_PER_DOLLAR = 10_000
"""Fares are summed as integers: a float sum depends on the order of its rows, and so on the engine and the backfill."""


def compute_pickup_features(trips: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """Pickup features whose window ends in [`first_day`, `last_day`].

    Args:
        trips: accepted trips; may hold any days, those of the look-back are needed.

    Returns: one row per `zip` and `ts` (window end) with at least one trip in its window: `zip` int, `ts` timestamp,
        `mean_fare_window_1h_pickup_zip` float (USD), `count_trips_window_1h_pickup_zip` int, `day` date.
    """
    sums = {"units": F.round(F.col(FARE) * UNITS_PER_DOLLAR).cast("long"), "trips": F.lit(1)}
    ended = ended_trips(trips, first_day, last_day, LENGTH)
    windows = sliding_sums(ended, "pickup_zip", DROPOFF, length=LENGTH, slide=SLIDE, sums=sums)
    features = windows.select(
        "zip",
        "ts",
        (F.col("units") / F.col("trips") / UNITS_PER_DOLLAR).cast("float").alias("mean_fare_window_1h_pickup_zip"),
        F.col("trips").cast("int").alias("count_trips_window_1h_pickup_zip"),
    )
    return in_days(features, first_day, last_day)
