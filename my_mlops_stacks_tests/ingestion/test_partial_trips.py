"""Trips before their drop-off and fare are known, and what becomes of them when they are."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from pyspark.sql import SparkSession

from mlops_core.ingestion.accept import accept, require_acceptable
from mlops_core.ingestion.best import CONFLICTING
from mlops_core.ingestion.conform import conform
from mlops_core.ingestion.days import ALL_DAYS
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks_tests.ingestion.test_trips import DROPOFF, SCHEMA, a_trip, frame, judged

COMPLETE = a_trip()
UNDER_WAY = a_trip(tpep_dropoff_datetime=None, fare_amount=None)
NO_FARE, NO_DROPOFF = a_trip(fare_amount=None), a_trip(tpep_dropoff_datetime=None)
LATER = a_trip(tpep_dropoff_datetime=DROPOFF + timedelta(minutes=1))
Told = tuple[object, object]


def divided(spark: SparkSession, *rows: tuple) -> tuple[list[Told], list[str]]:
    """Drop-off and fare of the accepted trips, and the reasons of the rejected ones."""
    accepted, rejected = (part.collect() for part in judged(spark, *rows))
    told = sorted(((row["tpep_dropoff_datetime"], row["fare_amount"]) for row in accepted), key=str)
    return told, sorted(row["reason"] for row in rejected)


@pytest.mark.parametrize("row", [UNDER_WAY, NO_FARE, NO_DROPOFF])
def test_a_trip_is_accepted_before_its_label_is_known(spark: SparkSession, row: tuple) -> None:
    assert divided(spark, row) == ([(row[1], row[3])], [])
    require_acceptable(TRIPS, conform(TRIPS, frame(spark, row)), ALL_DAYS)


@pytest.mark.parametrize(
    ("rows", "accepted", "reasons"),
    [
        ([UNDER_WAY, COMPLETE], [(DROPOFF, 8.0)], ["superseded"]),
        ([UNDER_WAY, NO_FARE, COMPLETE], [(DROPOFF, 8.0)], ["superseded", "superseded"]),
        ([UNDER_WAY, NO_FARE], [(DROPOFF, None)], ["superseded"]),
        ([UNDER_WAY, UNDER_WAY], [(None, None)], ["duplicate"]),
        ([UNDER_WAY, UNDER_WAY, COMPLETE], [(DROPOFF, 8.0)], ["superseded", "superseded; duplicate"]),
        ([UNDER_WAY, COMPLETE, a_trip(fare_amount=9.0)], [(DROPOFF, 9.0)], [CONFLICTING, "superseded"]),
        ([a_trip(fare_amount=9.0), LATER], [(LATER[1], 8.0)], [CONFLICTING]),
        ([NO_FARE, NO_DROPOFF], [(DROPOFF, None)], [CONFLICTING]),
        ([UNDER_WAY, a_trip(fare_amount=-8.0)], [(None, None)], ["fare not positive"]),
        ([UNDER_WAY, a_trip(trip_distance=2.0)], [(None, None), (DROPOFF, 8.0)], []),
    ],
)
def test_the_row_that_tells_most_of_a_trip_is_accepted_in_any_order(
    spark: SparkSession, rows: list[tuple], accepted: list[Told], reasons: list[str]
) -> None:
    for order in permutations(rows):
        assert divided(spark, *order) == (accepted, reasons)


def test_what_a_source_could_not_read_is_not_waited_for(spark: SparkSession) -> None:
    schema = f"{SCHEMA}, source_problem string"
    rows = frame(spark, (*UNDER_WAY, "no number in fare_amount"), (*UNDER_WAY, None), schema=schema)
    accepted, rejected = accept(TRIPS, conform(TRIPS, rows))
    assert accepted.count() == 1
    assert [row["reason"] for row in rejected.collect()] == ["no number in fare_amount"]
