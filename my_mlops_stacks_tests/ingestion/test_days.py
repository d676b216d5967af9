"""Which trips are of which days."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.ingestion.days import ALL_DAYS, EventDays
from my_mlops_stacks.ingestion.trips import TRIPS

PICKUP, DROPOFF = TRIPS.event_time, TRIPS.known_at

FEBRUARY_1, FEBRUARY_3 = date(2016, 2, 1), date(2016, 2, 3)
TIMES = [
    ("2016-01-31 23:59:59.999999", "2016-02-01 00:20:00"),
    ("2016-02-01 00:00:00", None),
    ("2016-02-03 23:59:59.999999", "2016-02-04 00:20:00"),
    ("2016-02-04 00:00:00", "2016-02-04 00:20:00"),
    (None, "2016-01-31 12:00:00"),
    (None, "2016-02-02 12:00:00"),
    (None, "2016-02-04 00:00:00"),
    (None, None),
]
OF_A_DAY = [date(2016, 1, 31), FEBRUARY_1, FEBRUARY_3, date(2016, 2, 4)]
OF_A_DAY += [date(2016, 1, 31), date(2016, 2, 2), date(2016, 2, 4), None]


def rows(spark: SparkSession, kind: str) -> DataFrame:
    """Trips that need no more than times, numbered, with the day that `accept` gives them."""
    literals = [["NULL" if time is None else f"{kind}'{time}'" for time in times] for times in TIMES]
    values = ", ".join(f"({number}, {', '.join(times)})" for number, times in enumerate(literals))
    trips = spark.sql(f"SELECT * FROM VALUES {values} AS trips(number, {PICKUP}, {DROPOFF})")
    return trips.withColumn("day", F.to_date(F.coalesce(PICKUP, DROPOFF)))


@pytest.mark.parametrize("first", [None, FEBRUARY_1])
@pytest.mark.parametrize("last", [None, FEBRUARY_3])
@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_NTZ"])
def test_both_ends_are_included(spark: SparkSession, first: date | None, last: date | None, kind: str) -> None:
    days, trips = EventDays(first, last), rows(spark, kind)
    dated = [
        number
        for number, day in enumerate(OF_A_DAY)
        if day is not None and (first or date.min) <= day <= (last or date.max)
    ]
    undated = [OF_A_DAY.index(None)]

    def numbers(taken: DataFrame) -> list[int]:
        return sorted(row["number"] for row in taken.collect())

    assert numbers(days.of(TRIPS, trips)) == numbers(trips.where(days.replaced or "true")) == dated + undated
    assert numbers(trips.where(days.within)) == (dated if first or last else dated + undated)


def test_all_days_replace_the_whole_table() -> None:
    assert ALL_DAYS.replaced is None


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (ALL_DAYS, ""),
        (EventDays(FEBRUARY_1), " from 2016-02-01"),
        (EventDays(last=FEBRUARY_3), " to 2016-02-03"),
        (EventDays(FEBRUARY_1, FEBRUARY_3), " from 2016-02-01 to 2016-02-03"),
    ],
)
def test_what_a_message_says(days: EventDays, words: str) -> None:
    assert str(days) == words
