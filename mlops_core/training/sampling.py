"""A part of the events that a machine can hold: the same share of each day, and always the same events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mlops_core.project import EventTable

BEFORE, PLACE = "events_before", "place_of_event"


def rows_by_day(rows: DataFrame) -> dict[date, int]:
    """How many rows each `day` has; days without any are left out."""
    return {row["day"]: row["rows"] for row in rows.groupBy("day").agg(F.count("*").alias("rows")).collect()}


def at_most(events: EventTable, rows: DataFrame, days: Mapping[date, int], most: int) -> DataFrame:
    """`rows`, or `most` of them when there are more: of each day the same share, to one event, by a hash of the event.

    Events are put in the order of day and hash, and of these the places are taken at which a whole number is passed
    when `most` are spread over all; so the same events are taken on every engine, in whatever order they come.

    Args:
        rows: events with their `day`.
        days: as `rows_by_day` counts them.
    """
    count = sum(days.values())
    if count <= most:
        return rows
    by_hash = Window.partitionBy("day").orderBy(F.xxhash64(*events.identity), *events.identity)
    before = rows.sparkSession.createDataFrame(_before(days), f"day date, {BEFORE} bigint")
    placed = rows.join(before, "day").withColumn(PLACE, F.col(BEFORE) + F.row_number().over(by_hash))
    is_taken = F.expr(f"({PLACE} * {most}L) div {count}L > (({PLACE} - 1) * {most}L) div {count}L")
    return placed.where(is_taken).select(*rows.columns)


def _before(days: Mapping[date, int]) -> list[tuple[date, int]]:
    """Each day, and how many events there are before it."""
    found, before = [], 0
    for day in sorted(days):
        found.append((day, before))
        before += days[day]
    return found
