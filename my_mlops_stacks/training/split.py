"""Train on the past, hold out the most recent days: a random split would let a model learn from the future."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


class TooFewDaysError(ValueError):
    """The trips do not span enough days to train on some and hold out others."""


def holdout_start(first_day: date | None, last_day: date | None, holdout_days: int) -> date:
    """The first day that is held out, when the trips' days are `first_day` to `last_day`, both inclusive.

    Raises:
        TooFewDaysError: there are no trips, or none before the held-out days.
    """
    if first_day is None or last_day is None:
        raise TooFewDaysError(
            "There are no accepted trips to train on: materialize 'trips' from a source that has some."
        )
    start = last_day - timedelta(days=holdout_days - 1)
    if start <= first_day:
        raise TooFewDaysError(
            f"The trips span {first_day} to {last_day}: nothing is left to train on before the {holdout_days} days "
            "held out; lower holdout_days in resources/model-workflow-resource.yml or ingest more days."
        )
    return start


def day_range(trips: DataFrame) -> tuple[date | None, date | None]:
    """The first and the last pickup day, or None twice when there are no trips."""
    row = trips.agg(F.min("day").alias("first"), F.max("day").alias("last")).collect()[0]
    return row["first"], row["last"]


def before(trips: DataFrame, day: date) -> DataFrame:
    """Trips of the days before `day`."""
    return trips.where(F.col("day") < F.lit(day))


def since(trips: DataFrame, day: date) -> DataFrame:
    """Trips of `day` and later."""
    return trips.where(F.col("day") >= F.lit(day))


def in_fixed_order(rows: DataFrame) -> DataFrame:
    """The rows sorted by all their columns: sums over rows in another order would make another model of them."""
    return rows.orderBy(*rows.columns)


def sampled(trips: DataFrame, count: int) -> DataFrame:
    """At most `count` trips, chosen by a hash of the row: always the same ones of the same trips, on every engine."""
    return trips.orderBy(F.xxhash64("tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance")).limit(count)
