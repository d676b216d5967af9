"""Event-time windows over trips that have ended.

A fare is known when its trip ends, so a trip belongs to a window by its drop-off time: a feature at `ts` is made of
trips with `ts - length <= drop-off < ts`, all of them over at `ts`. Nothing later can enter, and a trip's own fare is
never in a row that its own pickup time looks up.

Times are the city's wall clock. When the clock is set forward, the skipped hour simply has no windows. When it is set
back, the trips of both passes of the repeated hour share its windows, for nothing tells them apart: a pickup of the
first pass may look up windows with trips of the second, which have not begun. Once a year the features of one hour can
know up to an hour of the future. Neither the trips nor the leak check, which reads the same clock, can show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.events import TRIPS

PICKUP, DROPOFF, FARE = TRIPS.event_time, TRIPS.known_at, TRIPS.label
MICROSECOND = timedelta(microseconds=1)

LONGEST_TRIP = timedelta(days=1)
"""Longer trips (a meter that was left running) are no basis for a feature; it bounds how far back a window reads."""


def is_basis() -> Column:
    """Whether a trip may be in a window: its fare and its drop-off are known, and its length is one.

    A trip over the night in which clocks are set back may seem to end before it began: its own pickup would look it up.
    """
    length = F.unix_micros(DROPOFF) - F.unix_micros(PICKUP)
    return F.col(FARE).isNotNull() & length.between(1, LONGEST_TRIP // MICROSECOND)


def ended_trips(trips: DataFrame, first_day: date, last_day: date, length: timedelta) -> DataFrame:
    """Trips that can be in a window of `length` which ends in [`first_day`, `last_day`]: the look-back and no more.

    The condition on `day` (the pickup day, by which the table is partitioned) lets the engine skip older files.
    """
    start = datetime.combine(first_day, time()) - length
    end = datetime.combine(last_day, time()) + timedelta(days=1)
    return trips.where(
        F.col("day").between(F.lit((start - LONGEST_TRIP).date()), F.lit(last_day))
        & (F.col(DROPOFF) >= timestamp(start))
        & (F.col(DROPOFF) < timestamp(end))
        & is_basis()
    )


def timestamp(at: datetime) -> Column:
    """A literal in the session's time zone: `F.lit` of a naive datetime would take the zone of the Python process."""
    return F.lit(at.isoformat(sep=" ")).cast("timestamp")


def sliding_sums(
    events: DataFrame, key: str, at: str, *, length: timedelta, slide: timedelta, sums: Mapping[str, Column]
) -> DataFrame:
    """Sum `sums` per `zip` (the column `key`) and window of `length`, every `slide`; `ts` is the window's end.

    Each event is aggregated once, into its slice of one `slide`; only the slices are repeated for the windows that
    they are part of. Windows without an event have no row. `length` must be a multiple of `slide`.

    Returns: columns `zip`, `ts` (timestamp) and one column for each of `sums`.
    """
    step = int(slide.total_seconds())
    slices = events.groupBy(F.col(key).alias("zip"), F.expr(f"unix_seconds({at}) div {step}").alias("slice")).agg(
        *(F.sum(column).alias(name) for name, column in sums.items())
    )
    ends = F.sequence(F.col("slice") + 1, F.col("slice") + length // slide)
    return (
        slices.withColumn("end", F.explode(ends))
        .groupBy("zip", F.timestamp_seconds(F.col("end") * step).alias("ts"))
        .agg(*(F.sum(name).alias(name) for name in sums))
    )


def in_days(features: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """The rows whose window ends in [`first_day`, `last_day`], with their partition column `day`."""
    return features.withColumn("day", F.to_date("ts")).where(F.col("day").between(F.lit(first_day), F.lit(last_day)))
