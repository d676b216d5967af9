"""Trips that are accepted and yet no basis of a feature: those that are not over, or whose length is none."""

from __future__ import annotations

from datetime import date

import pytest

from mlops_core.project.aggregates import PRECISION
from my_mlops_stacks.ingestion.trips import MAX_FARE
from my_mlops_stacks_tests.feature_engineering.computed import compute_dropoff_features, compute_pickup_features
from my_mlops_stacks_tests.feature_engineering.leakage import trip_violations

DAY = date(2016, 11, 6)
OVER = ("2016-11-06 01:05", "2016-11-06 01:10", 2.0, 8.0, 10001, 10002)
NO_BASIS = [
    ("2016-11-06 01:06", None, 2.0, None, 10001, 10002),
    ("2016-11-06 01:06", None, 2.0, 9.0, 10001, 10002),
    ("2016-11-06 01:06", "2016-11-06 01:11", 2.0, None, 10001, 10002),
    ("2016-11-06 01:50", "2016-11-06 01:12", 2.0, 9.0, 10001, 10002),  # clocks were set back in it
    ("2016-11-05 01:05", "2016-11-06 01:10", 2.0, 9.0, 10001, 10002),  # longer than a day
]


@pytest.mark.parametrize("compute", [compute_pickup_features, compute_dropoff_features])
def test_they_change_no_feature(trips_of, compute):
    alone, among = (compute(trips_of(rows), DAY, DAY).toPandas() for rows in ([OVER], [OVER, *NO_BASIS]))
    assert len(alone) > 0
    assert among.sort_values("ts").to_dict("records") == alone.sort_values("ts").to_dict("records")


def test_the_leak_check_leaves_them_out_too(spark, trips_of):
    trips = trips_of([OVER, *NO_BASIS])
    asked = trips_of([("2016-11-06 01:59", None, 2.0, None, 10001, 10002)]).selectExpr(
        "*", "cast(8 as float) AS mean_fare_window_1h_pickup_zip", "1 AS count_trips_window_1h_pickup_zip"
    )
    assert trip_violations(trips, asked) == []
    assert len(trip_violations(trips, asked.withColumn("mean_fare_window_1h_pickup_zip", asked.trip_distance))) == 1


def test_the_largest_fares_do_not_overflow(trips_of):
    rows = trips_of([(*OVER[:3], float(MAX_FARE), *OVER[4:])] * 100)
    means = compute_pickup_features(rows, DAY, DAY).toPandas()["mean_fare_window_1h_pickup_zip"]
    assert set(means) == {MAX_FARE}
    assert MAX_FARE * PRECISION * 1e9 < 2**63  # as many trips as New York has in years, in an hour of a zip
