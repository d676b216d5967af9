"""What a trip must be: amounts and clocks at their limits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pyspark.sql import SparkSession

from mlops_core.ingestion.accept import accept, require_acceptable
from mlops_core.ingestion.conform import InvalidEventsError, conform
from mlops_core.ingestion.days import ALL_DAYS
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks_tests.ingestion.test_trips import NOT_AFTER, PICKUP, a_trip, frame, judged

NOW = datetime(2016, 2, 14, 12)
EARLY = "tpep_pickup_datetime in the future"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ride(pickup: str, dropoff: str | None = None) -> dict[str, datetime | None]:
    return {"tpep_pickup_datetime": at(pickup), "tpep_dropoff_datetime": at(dropoff) if dropoff else None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fare_amount": 10_000.0}, None),
        ({"fare_amount": 10_000.01}, "fare above 10,000 USD"),
        ({"fare_amount": 1e300}, "fare above 10,000 USD"),
        ({"fare_amount": 0.01}, None),
        ({"fare_amount": 1e-300}, "fare below 0.01 USD"),
        ({"trip_distance": 1_000.0}, None),
        ({"trip_distance": 1e300}, "distance above 1,000 mi"),
        (ride("2009-01-01 00:00", "2009-01-01 00:10"), None),
        (ride("2008-12-31 23:59:59.999999", "2009-01-01 00:10"), "tpep_pickup_datetime before 2009-01-01"),
        (ride("1900-01-01", "1900-01-01 00:10"), "tpep_pickup_datetime before 2009-01-01"),
        (ride("2016-02-14 13:00"), None),  # clocks may differ by an hour
        (ride("2016-02-14 13:00:00.000001"), EARLY),
        (ride("2016-02-14 11:00", "2016-02-14 13:00"), None),
        (ride("2016-02-14 11:00", "2016-02-14 13:00:01"), "tpep_dropoff_datetime in the future"),
        (
            ride("2088-01-01", "2088-01-01 00:10"),
            f"{EARLY}; tpep_dropoff_datetime in the future",
        ),
        (ride("9999-12-31 23:59:59"), EARLY),
        (ride("2016-02-10", "2016-02-13"), None),  # longer than any trip: no basis of a feature, but one that ended
        (ride("2016-02-10", "9999-12-31"), "tpep_dropoff_datetime in the future"),
    ],
)
def test_limits(spark: SparkSession, changes: dict, reason: str | None) -> None:
    accepted, rejected = judged(spark, a_trip(**changes), now=NOW)
    assert [row["reason"] for row in rejected.collect()] == ([reason] if reason else [])
    assert accepted.count() == (reason is None)


def test_the_clock_is_that_of_the_city(spark: SparkSession) -> None:
    """Three hours ahead in London, but not in New York."""
    utc = datetime.utcnow()
    accepted, rejected = accept(
        TRIPS, conform(TRIPS, frame(spark, a_trip(tpep_pickup_datetime=utc, tpep_dropoff_datetime=None)))
    )
    assert accepted.count() == 0
    assert [row["reason"] for row in rejected.collect()] == [EARLY]
    earlier = a_trip(tpep_pickup_datetime=utc - timedelta(hours=5), tpep_dropoff_datetime=None)
    assert judged(spark, earlier)[0].count() == 1


@pytest.mark.parametrize(
    ("pickup", "dropoff", "is_accepted"),
    [
        ("01:50", "01:10", True),
        ("01:10", "01:10", True),
        ("01:59:59.999999", "01:00", True),
        ("01:50", "00:59", False),
        ("02:00", "01:30", False),
        ("02:30", "02:10", False),
    ],
)
def test_a_trip_over_the_end_of_daylight_saving_may_seem_to_end_before_it_began(
    spark: SparkSession, pickup: str, dropoff: str, is_accepted: bool
) -> None:
    """New York set its clocks from 2:00 back to 1:00 on 6 November 2016; the night before and after it did not."""
    for day, expected in (("2016-11-05", False), ("2016-11-06", is_accepted), ("2016-11-07", False)):
        accepted, rejected = accept(
            TRIPS, conform(TRIPS, frame(spark, a_trip(**ride(f"{day} {pickup}", f"{day} {dropoff}"))))
        )
        assert accepted.count() == expected
        assert [row["reason"] for row in rejected.collect()] == ([] if expected else [NOT_AFTER])


def test_an_input_from_the_future_is_refused_as_a_whole(spark: SparkSession) -> None:
    with pytest.raises(
        InvalidEventsError,
        match=f"none is left; most frequent: {EARLY}; tpep_dropoff_datetime in",
    ):
        require_acceptable(TRIPS, conform(TRIPS, frame(spark, a_trip())), ALL_DAYS, PICKUP - timedelta(hours=2))
