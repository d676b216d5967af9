"""Feature tables against DuckDB's plain SQL, and against trips counted by hand."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest
from pyspark.sql import DataFrame

from mlops_core.features.tables import compute_features
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.feature_engineering.computed import (
    compute_dropoff_features,
    compute_pickup_features,
    compute_price_features,
)

RTOL = 1e-4
"""Relative: a window's values are summed to four decimals."""
PLAIN_SQL = """
SELECT trips.{zip} AS zip, ends.ts, {values}, CAST(ends.ts AS DATE) AS day
FROM trips
JOIN (
  SELECT unnest(generate_series(TIMESTAMP '{first}', TIMESTAMP '{last} 23:59', INTERVAL '{slide}')) AS ts
) ends
  ON tpep_dropoff_datetime < ends.ts AND tpep_dropoff_datetime >= ends.ts - INTERVAL '{length}'
GROUP BY ALL ORDER BY zip, ts
"""


def in_duckdb(trips: pd.DataFrame, first: date, last: date, **parts: str) -> pd.DataFrame:
    return duckdb.query(PLAIN_SQL.format(first=first, last=last, **parts)).df()  # reads the local variable `trips`


def assert_same(features: DataFrame, expected: pd.DataFrame) -> None:
    got = features.orderBy("zip", "ts").toPandas()
    got["day"] = pd.to_datetime(got["day"])
    pd.testing.assert_frame_equal(got, expected[list(got.columns)], check_dtype=False, rtol=RTOL)


def rows(features: DataFrame, *columns: str) -> list[tuple]:
    got = features.orderBy("zip", "ts").selectExpr("cast(ts as string) ts", *columns).collect()
    return [tuple(row) for row in got]


def test_pickup_features_equal_plain_sql(sample, sample_trips):
    trips, frame = sample_trips
    expected = in_duckdb(
        frame,
        sample.first_day,
        sample.last_day,
        zip="pickup_zip",
        slide="15 minutes",
        length="1 hour",
        values="CAST(avg(fare_amount) AS FLOAT) AS mean_fare_window_1h_pickup_zip, "
        "count(*) AS count_trips_window_1h_pickup_zip",
    )
    assert len(expected) > 3 * len(frame)
    assert_same(compute_pickup_features(trips, sample.first_day, sample.last_day), expected)


def test_price_features_equal_plain_sql(sample, sample_trips):
    trips, frame = sample_trips
    expected = in_duckdb(
        frame,
        sample.first_day,
        sample.last_day,
        zip="pickup_zip",
        slide="2 hours",
        length="24 hours",
        values="CAST(avg(least(2, fare_amount / (2.5 + 2.5 * trip_distance))) AS FLOAT) "
        "AS mean_price_level_window_24h_pickup_zip, count(*) AS count_trips_window_24h_pickup_zip",
    )
    assert_same(compute_price_features(trips, sample.first_day, sample.last_day), expected)


def test_dropoff_features_equal_plain_sql(sample, sample_trips):
    trips, frame = sample_trips
    expected = in_duckdb(
        frame,
        sample.first_day,
        sample.last_day,
        zip="dropoff_zip",
        slide="30 minutes",
        length="30 minutes",
        values="count(*) AS count_trips_window_30m_dropoff_zip, "
        "CAST(dayofweek(ends.ts) IN (0, 6) AS INT) AS dropoff_is_weekend",
    )
    assert_same(compute_dropoff_features(trips, sample.first_day, sample.last_day), expected)


def test_a_window_holds_the_trips_that_ended_in_the_hour_before_it(trips_of):
    trips = trips_of(
        [
            ("2016-01-05 11:50:00", "2016-01-05 12:00:00", 1.0, 10.0, 10001, 10002),
            ("2016-01-05 12:00:00", "2016-01-05 12:14:59", 1.0, 20.0, 10001, 10002),
        ]
    )
    got = compute_pickup_features(trips, date(2016, 1, 5), date(2016, 1, 5))
    assert rows(got, "mean_fare_window_1h_pickup_zip", "count_trips_window_1h_pickup_zip") == [
        ("2016-01-05 12:15:00", 15.0, 2),
        ("2016-01-05 12:30:00", 15.0, 2),
        ("2016-01-05 12:45:00", 15.0, 2),
        ("2016-01-05 13:00:00", 15.0, 2),
    ]


def test_a_trip_under_way_is_in_no_window(trips_of):
    trips = trips_of([("2016-01-05 12:00:00", "2016-01-05 14:00:00", 1.0, 10.0, 10001, 10002)])
    got = compute_pickup_features(trips, date(2016, 1, 5), date(2016, 1, 5))
    assert rows(got)[0] == ("2016-01-05 14:15:00",)


def test_a_day_holds_the_windows_that_end_in_it_with_the_look_back_they_need(trips_of):
    trips = trips_of([("2016-01-31 23:40:00", "2016-01-31 23:50:00", 1.0, 10.0, 10001, 10002)])
    before = compute_pickup_features(trips, date(2016, 1, 31), date(2016, 1, 31))
    after = compute_pickup_features(trips, date(2016, 2, 1), date(2016, 2, 1))
    assert rows(before) == []
    assert rows(after) == [(f"2016-02-01 00:{minute:02d}:00",) for minute in (0, 15, 30, 45)]
    assert {row["day"] for row in after.collect()} == {date(2016, 2, 1)}


def test_days_built_alone_add_up_to_the_whole(sample, sample_trips):
    trips, _ = sample_trips
    days = [sample.last_day - timedelta(days=number) for number in (9, 8, 7)]
    for compute in (compute_pickup_features, compute_dropoff_features):
        whole = compute(trips, days[0], days[-1]).orderBy("zip", "ts").toPandas()
        alone = pd.concat(compute(trips, day, day).toPandas() for day in reversed(days))
        alone = alone.sort_values(["zip", "ts"], ignore_index=True)
        pd.testing.assert_frame_equal(alone, whole)


def test_a_meter_left_running_is_no_basis_for_a_feature(trips_of):
    trips = trips_of([("2016-01-04 12:00:00", "2016-01-05 12:00:01", 1.0, 900.0, 10001, 10002)])
    assert rows(compute_pickup_features(trips, date(2016, 1, 4), date(2016, 1, 6))) == []


@pytest.mark.parametrize(
    ("pickup", "dropoff", "expected"),
    [
        ("2016-01-08 23:00:00", "2016-01-08 23:15:00", ("2016-01-08 23:30:00", 0)),
        ("2016-01-08 23:00:00", "2016-01-08 23:45:00", ("2016-01-09 00:00:00", 1)),  # a Saturday begins
        ("2016-01-10 23:00:00", "2016-01-10 23:45:00", ("2016-01-11 00:00:00", 0)),  # a Monday begins
    ],
)
def test_the_weekend_is_that_of_the_windows_end_on_the_wall_clock(trips_of, pickup, dropoff, expected):
    trips = trips_of([(pickup, dropoff, 1.0, 10.0, 10001, 10002)])
    got = compute_dropoff_features(trips, date(2016, 1, 1), date(2016, 1, 31))
    assert rows(got, "dropoff_is_weekend") == [expected]


def test_the_tables_have_the_columns_that_they_declare(trips_of):
    trips = trips_of([("2016-01-05 11:50:00", "2016-01-05 12:00:00", 1.0, 10.0, 10001, 10002)])
    for table in PROJECT.feature_tables:
        got = compute_features(table, trips, date(2016, 1, 5), date(2016, 1, 5))
        assert dict(got.dtypes) == {name: kind for name, (kind, _) in table.columns.items()}
