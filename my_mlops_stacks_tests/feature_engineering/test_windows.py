"""Windows at the moments where they are easily wrong, against a loop over all trips for each window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from my_mlops_stacks_tests.feature_engineering.computed import compute_dropoff_features, compute_pickup_features

MICROSECOND, SECOND, MINUTE = timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)
QUARTER, HALF, HOUR, DAY = 15 * MINUTE, 30 * MINUTE, 60 * MINUTE, timedelta(days=1)
TIME = pa.timestamp("us", tz="UTC")
TRIPS = pa.schema(
    [
        ("tpep_pickup_datetime", TIME),
        ("tpep_dropoff_datetime", TIME),
        ("fare_amount", pa.float64()),
        ("pickup_zip", pa.int32()),
        ("dropoff_zip", pa.int32()),
        ("day", pa.date32()),
    ]
)
ANCHORS = [
    datetime(2016, 1, 1),  # midnight, month and year
    datetime(2016, 2, 29, 12, 15),  # a leap day, the edge of a slice
    datetime(2016, 3, 1),
    datetime(2016, 3, 13, 2, 30),  # an hour that New York skips
    datetime(2016, 11, 6, 1, 30),  # an hour that New York repeats
]
OFFSETS = [timedelta(0), MICROSECOND, -MICROSECOND, SECOND, -SECOND, HOUR, -QUARTER]
LENGTHS = [MINUTE, HOUR, DAY, DAY - MICROSECOND, DAY + MICROSECOND, DAY + SECOND]
RANGES = [(date(2015, 12, 31), date(2016, 11, 7)), *((day.date(), day.date()) for day in ANCHORS)]

zips = st.integers(10_001, 10_002)
ends = st.builds(lambda anchor, offset: anchor + offset, st.sampled_from(ANCHORS), st.sampled_from(OFFSETS))
trips = st.lists(st.tuples(ends, st.sampled_from(LENGTHS), st.integers(1, 9_999), zips, zips), min_size=1, max_size=20)


def as_rows(drawn: list[tuple]) -> list[tuple]:
    """Pickup, drop-off, fare in USD, zips, day of the pickup."""
    return [
        (end - length, end, cents / 100, pickup_zip, dropoff_zip, (end - length).date())
        for end, length, cents, pickup_zip, dropoff_zip in drawn
    ]


def windows(frame: pd.DataFrame, key: str, length: timedelta, slide: timedelta, days: tuple[date, date]) -> Iterator:
    """`zip`, end and trips of each window that is not empty, by asking each trip."""
    known = frame[frame["tpep_dropoff_datetime"] - frame["tpep_pickup_datetime"] <= DAY]
    dropoff = known["tpep_dropoff_datetime"]
    around = [dropoff.dt.floor(slide) + number * slide for number in range(-1, length // slide + 2)]
    for end in sorted(set().union(*around)):
        inside = known[(dropoff >= end - length) & (dropoff < end)]
        if days[0] <= end.date() <= days[1]:
            for zip_code, group in inside.groupby(key):
                yield zip_code, end.to_pydatetime(), group


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trips, st.sampled_from(RANGES))
@example([(ANCHORS[0], MINUTE, 100, 10_001, 10_002)] * 3, RANGES[0])  # the same trip three times
@example([(ANCHORS[2] - MICROSECOND, DAY, 100, 10_001, 10_002)], RANGES[3])  # windows that end on the next day
@example([(ANCHORS[1], DAY + MICROSECOND, 100, 10_001, 10_002)], RANGES[0])  # a trip that is too long for a window
def test_windows_hold_what_a_loop_puts_into_them(spark, drawn, days):
    rows = as_rows(drawn)
    frame = pd.DataFrame(rows, columns=TRIPS.names)
    frame = frame.astype(dict.fromkeys(TRIPS.names[:2], "datetime64[us]"))
    table = spark.createDataFrame(
        pa.Table.from_pylist([dict(zip(TRIPS.names, row, strict=True)) for row in rows], TRIPS)
    )

    by_pickup = {
        (zip_code, end, len(group), np.float32(group["fare_amount"].mean()))
        for zip_code, end, group in windows(frame, "pickup_zip", HOUR, QUARTER, days)
    }
    found = compute_pickup_features(table, *days).toPandas()
    assert sorted(keyed(found, "count_trips_window_1h_pickup_zip")) == sorted(row[:3] for row in by_pickup)
    fares = {row[:2]: row[3] for row in by_pickup}
    for row in found.itertuples():
        assert row.mean_fare_window_1h_pickup_zip == pytest.approx(fares[row.zip, row.ts.to_pydatetime()], rel=1e-6)

    by_dropoff = [
        (zip_code, end, len(group), int(end.weekday() > 4))
        for zip_code, end, group in windows(frame, "dropoff_zip", HALF, HALF, days)
    ]
    found = compute_dropoff_features(table, *days).toPandas()
    assert sorted(keyed(found, "count_trips_window_30m_dropoff_zip", "dropoff_is_weekend")) == sorted(by_dropoff)
    assert (found["day"] == found["ts"].dt.date).all()


def keyed(found: pd.DataFrame, *columns: str) -> list[tuple]:
    return [
        (zip_code, ts.to_pydatetime(), *values)
        for zip_code, ts, *values in found[["zip", "ts", *columns]].itertuples(index=False)
    ]
