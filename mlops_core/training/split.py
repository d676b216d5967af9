"""Train on the past, hold out the most recent days: a random split would let a model learn from the future."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.events import TRIPS


class TooFewDaysError(ValueError):
    """The trips do not span enough days to train on some and hold out others."""


MIN_TRAINING_TRIPS = 100
"""Of fewer a training learns nothing that a gate could judge."""

SHARE_OF_A_DAY = 0.01
"""A day with less than this share of the median day's trips is a few broken clocks', not a day of the trips."""


class TooFewTripsError(ValueError):
    """There are not enough trips whose label is known to train on."""


def holdout_start(first_day: date, last_day: date, holdout_days: int) -> date:
    """The first day that is held out, when the trips' days are `first_day` to `last_day`, both inclusive.

    Raises:
        TooFewDaysError: there are none before the held-out days.
    """
    start = last_day - timedelta(days=holdout_days - 1)
    if start <= first_day:
        raise TooFewDaysError(
            f"The trips whose label is known span {first_day} to {last_day}: nothing is left to train on before the "
            f"{holdout_days} days held out; lower holdout_days in resources/model-workflow-resource.yml or ingest more "
            "days."
        )
    return start


def labelled_days(trips: DataFrame, first_day: date, last_day: date) -> tuple[date, date]:
    """The first and the last day from `first_day` to `last_day` that have trips whose label is known.

    Days with next to none (`SHARE_OF_A_DAY`) are passed over, so that no broken clock decides what is held out.

    Raises:
        TooFewDaysError: there is no such day.
    """
    counts = trips.groupBy("day").agg(F.count("*").alias("trips"), F.count_if(F.expr(TRIPS.is_labelled)).alias("known"))
    days = {row["day"]: row["known"] for row in counts.collect()}
    known = {day: trips for day, trips in days.items() if trips and first_day <= day <= last_day}
    if not known:
        raise TooFewDaysError(_nothing_known(days, first_day, last_day))
    enough = SHARE_OF_A_DAY * median(known.values())
    full = [day for day, trips in known.items() if trips >= enough]
    return min(full), max(full)


def _nothing_known(days: Mapping[date, int], first_day: date, last_day: date) -> str:
    if not days:
        return "There are no accepted trips to train on: materialize 'trips' from a source that has some."
    if not any(days.values()):
        return (
            f"None of the accepted trips, {min(days)} to {max(days)}, has its label yet: {TRIPS.label_column} or "
            f"{TRIPS.known_at} is missing in each. Materialize 'trips' again when their source has them."
        )
    return (
        f"No trip whose label is known is of {first_day} to {last_day}, the days that are built; trips are of "
        f"{min(days)} to {max(days)}: first_day and last_day in databricks.yml say which days are built."
    )


def day_range(rows: DataFrame) -> tuple[date | None, date | None]:
    """The first and the last `day`, or None twice when there are no rows."""
    row = rows.agg(F.min("day").alias("first"), F.max("day").alias("last")).collect()[0]
    return row["first"], row["last"]


def newest_day(rows: DataFrame) -> date:
    """The last `day`.

    Raises:
        LookupError: there are no rows.
    """
    day = day_range(rows)[1]
    if day is None:
        raise LookupError("The table has no rows yet, so it has no newest day: run the job that fills it.")
    return day


def since(rows: DataFrame, day: date) -> DataFrame:
    """Rows of `day` and later."""
    return rows.where(F.col("day") >= F.lit(day))


def known_before(trips: DataFrame, day: date) -> DataFrame:
    """Trips of the days before `day` whose label was known before it: one that was under way at midnight is not."""
    return trips.where(TRIPS.is_labelled).where(
        (F.col("day") < F.lit(day)) & (F.col(TRIPS.known_at) < F.lit(day).cast("timestamp"))
    )


def held_out(trips: DataFrame, first_day: date, last_day: date | None = None) -> DataFrame:
    """Trips of the days from `first_day` to `last_day`, both inclusive, whose label is known; None: no last day."""
    known = since(trips, first_day).where(TRIPS.is_labelled)
    return known if last_day is None else known.where(F.col("day") <= F.lit(last_day))


def require_enough(trips: int, start: date) -> None:
    """Refuse to train on fewer than `MIN_TRAINING_TRIPS`.

    Raises:
        TooFewTripsError: there are fewer `trips` whose label was known before `start`.
    """
    if trips < MIN_TRAINING_TRIPS:
        raise TooFewTripsError(
            f"Of only {trips:,} trips the label was known before {start}, the first day held out: training takes at "
            f"least {MIN_TRAINING_TRIPS}. Ingest more days, or lower holdout_days in "
            "resources/model-workflow-resource.yml."
        )


def in_fixed_order(rows: DataFrame) -> DataFrame:
    """The rows sorted by all their columns: sums over rows in another order would make another model of them."""
    return rows.orderBy(*rows.columns)


def sampled(trips: DataFrame, count: int) -> DataFrame:
    """At most `count` trips, chosen by a hash of the row: always the same ones of the same trips, on every engine."""
    return trips.orderBy(F.xxhash64(*TRIPS.identity)).limit(count)
