"""Feature tables built in pieces: whatever the order, they are those of one computation over everything."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame

from mlops_core.adapters.tables import LocalTables
from my_mlops_stacks_tests.feature_engineering.computed import compute_dropoff_features, compute_pickup_features
from my_mlops_stacks_tests.feature_engineering.test_features import in_duckdb

FIRST, DAYS = date(2016, 2, 26), 6  # a leap day and a month's end
ALL = [FIRST + timedelta(days=number) for number in range(DAYS)]
COMPUTE = {"trip_pickup_features": compute_pickup_features, "trip_dropoff_features": compute_dropoff_features}
PICKUP_SQL = {
    "zip": "pickup_zip",
    "slide": "15 minutes",
    "length": "1 hour",
    "values": "CAST(avg(fare_amount) AS FLOAT) AS mean_fare_window_1h_pickup_zip, "
    "CAST(count(*) AS INT) AS count_trips_window_1h_pickup_zip",
}
DROPOFF_SQL = {
    "zip": "dropoff_zip",
    "slide": "30 minutes",
    "length": "30 minutes",
    "values": "CAST(count(*) AS INT) AS count_trips_window_30m_dropoff_zip, "
    "CAST(dayofweek(ends.ts) IN (0, 6) AS INT) AS dropoff_is_weekend",
}

pieces = st.lists(st.tuples(st.integers(0, DAYS - 1), st.integers(0, 2)), max_size=4)


def made_trips(rows: int, seed: int, first: date = FIRST, days: int = DAYS) -> pd.DataFrame:
    """Trips of every hour, many of them over midnight, in a few zips so that windows hold several."""
    random = np.random.default_rng(seed)
    pickup = pd.Timestamp(first) + pd.to_timedelta(random.integers(0, days * 86_400, rows), unit="s")
    lasted = pd.to_timedelta(random.integers(60, 3 * 3_600, rows), unit="s")
    return pd.DataFrame(
        {
            "tpep_pickup_datetime": pickup.astype("datetime64[us]"),
            "tpep_dropoff_datetime": (pickup + lasted).astype("datetime64[us]"),
            "trip_distance": random.uniform(0.5, 9, rows),
            "fare_amount": random.integers(300, 6_000, rows) / 100,
            "pickup_zip": random.integers(10_001, 10_004, rows).astype("int32"),
            "dropoff_zip": random.integers(10_001, 10_004, rows).astype("int32"),
        }
    )


def write_trips(tables: LocalTables, frame: pd.DataFrame) -> None:
    trips = tables.spark.spark_session.createDataFrame(frame).selectExpr("*", "to_date(tpep_pickup_datetime) as day")
    tables.replace("trips", trips, None, ["day"])


def build(tables: LocalTables, first_day: date, last_day: date) -> None:
    """Both tables, as the assets write a range of partitions."""
    for name, compute in COMPUTE.items():
        where = f"day BETWEEN DATE'{first_day}' AND DATE'{last_day}'"
        tables.replace(name, compute(tables.read("trips"), first_day, last_day), where, ["day"])


def content(rows: DataFrame) -> list[tuple]:
    return [tuple(row) for row in rows.orderBy("zip", "ts").collect()]


def at_once(tables: LocalTables) -> dict[str, list[tuple]]:
    return {name: content(compute(tables.read("trips"), ALL[0], ALL[-1])) for name, compute in COMPUTE.items()}


def in_pieces(tables: LocalTables) -> dict[str, list[tuple]]:
    return {name: content(tables.read(name)) for name in COMPUTE}


def files(tables: LocalTables, name: str, days: list[date]) -> set[Path]:
    """The files of these days that the table's newest version consists of."""
    from deltalake import DeltaTable

    table = DeltaTable(tables.folder(name))
    return {Path(file) for file in table.file_uris() if any(f"day={day}/" in file for day in days)}


@pytest.fixture
def tables_with_trips(tables: LocalTables) -> LocalTables:
    write_trips(tables, made_trips(1_500, seed=1))
    return tables


@pytest.mark.parametrize(
    ("compute", "parts"), [(compute_pickup_features, PICKUP_SQL), (compute_dropoff_features, DROPOFF_SQL)]
)
def test_one_computation_over_everything_is_plain_sql(tables_with_trips, compute, parts):
    expected = in_duckdb(made_trips(1_500, seed=1), ALL[0], ALL[-1], **parts)
    got = compute(tables_with_trips.read("trips"), ALL[0], ALL[-1]).orderBy("zip", "ts")
    got = got.toPandas().astype({"day": "datetime64[us]"})
    assert len(got) > 400
    pd.testing.assert_frame_equal(got, expected[list(got.columns)], check_dtype=False)


@given(extra=pieces, order=st.permutations(ALL))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_days_in_any_order_once_or_twice_alone_or_in_ranges(tables_with_trips, extra, order):
    for start, length in extra:  # a backfill that was made before, and may be of any days
        build(tables_with_trips, ALL[start], ALL[min(start + length, DAYS - 1)])
    for day in order:
        build(tables_with_trips, day, day)
    assert in_pieces(tables_with_trips) == at_once(tables_with_trips)


def test_late_trips_are_repaired_by_the_days_that_they_touch(tables_with_trips):
    build(tables_with_trips, ALL[0], ALL[-1])
    late_day = date(2016, 2, 28)
    late = made_trips(200, seed=2)
    late = late[late["tpep_pickup_datetime"].dt.date == late_day]
    touched = sorted({late_day, *late["tpep_dropoff_datetime"].dt.date})
    assert touched == [late_day, date(2016, 2, 29)]
    write_trips(tables_with_trips, pd.concat([made_trips(1_500, seed=1), late]))
    assert in_pieces(tables_with_trips) != at_once(tables_with_trips)
    others = [day for day in ALL if day not in touched]
    before = {name: files(tables_with_trips, name, others) for name in COMPUTE}
    build(tables_with_trips, touched[0], touched[-1])
    assert in_pieces(tables_with_trips) == at_once(tables_with_trips)
    assert {name: files(tables_with_trips, name, others) for name in COMPUTE} == before


def test_a_day_reads_its_look_back_and_no_more(tables_with_trips):
    expected = at_once(tables_with_trips)
    day = date(2016, 2, 29)
    needed = [day - timedelta(days=2), day - timedelta(days=1), day]  # a trip may last a day, a window an hour more
    for file in files(tables_with_trips, "trips", [other for other in ALL if other not in needed]):
        file.unlink()
    build(tables_with_trips, day, day)
    for name, rows in in_pieces(tables_with_trips).items():
        assert rows == [row for row in expected[name] if row[-1] == day]
        assert rows


def test_a_file_that_is_needed_is_missed(tables_with_trips):
    """What the test above deletes would be noticed if it were read."""
    for file in files(tables_with_trips, "trips", [date(2016, 2, 28)]):
        file.unlink()
    with pytest.raises(Exception, match=r"(?i)not found|no such file"):
        build(tables_with_trips, date(2016, 2, 29), date(2016, 2, 29))
