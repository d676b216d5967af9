"""Train on the past, hold out the most recent days: a random split would let a model learn from the future."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.project import EventTable
from mlops_core.project.checks import MIN_TRAINING_ROWS

SHARE_OF_A_DAY = 0.01
"""A day with less than this share of the median day's events is a few broken clocks', not a day of the events."""

HOLDOUT_DAYS = "holdout_days in resources/model-workflow-resource.yml"


class TooFewDaysError(ValueError):
    """The events do not span enough days to train on some and hold out others."""


class TooFewRowsError(ValueError):
    """There are not enough events whose label is known to train on."""


def holdout_start(events: EventTable, first_day: date, last_day: date, holdout_days: int) -> date:
    """The first day that is held out, when the events' days are `first_day` to `last_day`, both inclusive.

    Raises:
        TooFewDaysError: there are none before the held-out days.
    """
    start = last_day - timedelta(days=holdout_days - 1)
    if start <= first_day:
        raise TooFewDaysError(
            f"The {events.nouns} whose label is known span {first_day} to {last_day}: nothing is left to train on "
            f"before the {holdout_days} days held out; lower {HOLDOUT_DAYS} or ingest more days."
        )
    return start


def labelled_days(events: EventTable, rows: DataFrame, first_day: date, last_day: date) -> tuple[date, date]:
    """The first and the last day from `first_day` to `last_day` that have events whose label is known.

    Days with next to none (`SHARE_OF_A_DAY`) are passed over, so that no broken clock decides what is held out.

    Raises:
        TooFewDaysError: there is no such day.
    """
    known_rows = F.count_if(F.expr(events.is_labelled)).alias("known")
    days = {row["day"]: row["known"] for row in rows.groupBy("day").agg(known_rows).collect()}
    known = {day: count for day, count in days.items() if count and first_day <= day <= last_day}
    if not known:
        raise TooFewDaysError(_nothing_known(events, days, first_day, last_day))
    enough = SHARE_OF_A_DAY * median(known.values())
    full = [day for day, count in known.items() if count >= enough]
    return min(full), max(full)


def _nothing_known(events: EventTable, days: Mapping[date, int], first_day: date, last_day: date) -> str:
    if not days:
        empty = f"There are no accepted {events.nouns} to train on"
        return f"{empty}: materialize '{events.name}' from a source that has some."
    if not any(days.values()):
        return (
            f"None of the accepted {events.nouns}, {min(days)} to {max(days)}, has its label yet: "
            f"{events.label_column} or {events.known_at} is missing in each. Materialize '{events.name}' again when "
            "their source has them."
        )
    return (
        f"No {events.noun} whose label is known is of {first_day} to {last_day}, the days that are built; "
        f"{events.nouns} are of {min(days)} to {max(days)}: first_day and last_day in databricks.yml say which days "
        "are built."
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


def known_before(events: EventTable, rows: DataFrame, day: date) -> DataFrame:
    """Events of the days before `day` whose label was known before it: one that was under way at midnight is not."""
    return rows.where(events.is_labelled).where(
        (F.col("day") < F.lit(day)) & (F.col(events.known_at) < F.lit(day).cast("timestamp"))
    )


def held_out(events: EventTable, rows: DataFrame, first_day: date, last_day: date | None = None) -> DataFrame:
    """Events of the days from `first_day` to `last_day`, both inclusive, whose label is known; None: no last day."""
    known = since(rows, first_day).where(events.is_labelled)
    return known if last_day is None else known.where(F.col("day") <= F.lit(last_day))


def require_enough(events: EventTable, rows: int, start: date) -> None:
    """Refuse to train on fewer than `MIN_TRAINING_ROWS`.

    Raises:
        TooFewRowsError: there are fewer `rows` whose label was known before `start`.
    """
    if rows < MIN_TRAINING_ROWS:
        raise TooFewRowsError(
            f"Of only {rows:,} {events.nouns} the label was known before {start}, the first day held out: training "
            f"takes at least {MIN_TRAINING_ROWS}. Ingest more days, or lower {HOLDOUT_DAYS}."
        )


def in_order_of_time(events: EventTable, rows: DataFrame) -> DataFrame:
    """The rows in the order of their time, then of all other columns.

    Sums over rows in another order would make another model of them, and engines give them in any.
    """
    return rows.orderBy(events.event_time, *(name for name in rows.columns if name != events.event_time))


def sampled(events: EventTable, rows: DataFrame, count: int) -> DataFrame:
    """At most `count` events, chosen by a hash of the row: always the same ones of the same, on every engine."""
    return rows.orderBy(F.xxhash64(*events.identity)).limit(count)
