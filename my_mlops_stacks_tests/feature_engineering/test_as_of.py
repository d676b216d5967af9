"""The leakage check agrees with honest features, and catches the ancestor's leak."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from pyspark.sql import functions as F

from my_mlops_stacks_tests.feature_engineering.computed import compute_dropoff_features, compute_pickup_features
from my_mlops_stacks_tests.feature_engineering.leakage import trip_violations
from my_mlops_stacks_tests.feature_engineering.test_incremental import ALL, made_trips, write_trips


def looked_up(
    spark, frame: pd.DataFrame, pickups: pd.DataFrame, dropoffs: pd.DataFrame, oldest_pickups: timedelta | None = None
):
    """Forty trips with the newest feature rows at their pickup, found by pandas."""
    asked = frame.astype({"tpep_pickup_datetime": "datetime64[ns]"}).sample(40, random_state=0)
    asked = asked.sort_values("tpep_pickup_datetime")
    for features, key in ((pickups, "pickup_zip"), (dropoffs, "dropoff_zip")):
        asked = pd.merge_asof(
            asked,
            features.drop(columns="day").sort_values("ts").rename(columns={"zip": key}),
            left_on="tpep_pickup_datetime",
            right_on="ts",
            by=key,
            tolerance=pd.Timedelta(oldest_pickups) if oldest_pickups and key == "pickup_zip" else None,
        ).drop(columns="ts")
    counts = [name for name in asked if "count" in name or "weekend" in name]
    return spark.createDataFrame(asked).withColumns(
        {name: F.when(~F.isnan(name), F.col(name)).cast("int") for name in counts}
    )


@pytest.fixture
def features(sample, sample_trips):
    trips, _ = sample_trips
    computes = (compute_pickup_features, compute_dropoff_features)
    return [compute(trips, sample.first_day, sample.last_day).toPandas() for compute in computes]


def test_honest_features_agree_with_the_raw_trips(spark, sample_trips, features):
    trips, frame = sample_trips
    assert trip_violations(trips, looked_up(spark, frame, *features)) == []


def test_features_of_an_hour_later_are_found_out(spark, sample_trips, features):
    trips, frame = sample_trips
    pickups, dropoffs = features
    leaking = pickups.assign(ts=pickups["ts"] - pd.Timedelta(hours=1))
    found = trip_violations(trips, looked_up(spark, frame, leaking, dropoffs))
    assert len(found) > 20


def test_one_wrong_count_is_found_out(spark, sample_trips, features):
    trips, frame = sample_trips
    rows = looked_up(spark, frame, *features)
    wrong = rows.withColumn("count_trips_window_30m_dropoff_zip", F.col("count_trips_window_30m_dropoff_zip") + 1)
    assert len(trip_violations(trips, wrong)) == rows.where("count_trips_window_30m_dropoff_zip IS NOT NULL").count()


@pytest.fixture
def made(tables):
    """Made trips and both feature tables; so few trips that windows are often empty for hours."""
    frame = made_trips(300, seed=1)
    write_trips(tables, frame)
    trips = tables.read("trips")
    features = [
        compute(trips, ALL[0], ALL[-1]).toPandas() for compute in (compute_pickup_features, compute_dropoff_features)
    ]
    return trips, frame, features


HOUR, COUNT = timedelta(hours=1), "count_trips_window_1h_pickup_zip"


def test_a_look_back_window_that_is_named_is_no_leak(spark, made):
    trips, frame, (pickups, dropoffs) = made
    found = looked_up(spark, frame, pickups, dropoffs, HOUR)
    without, missing = (
        rows.where(f"{COUNT} IS NULL").count() for rows in (looked_up(spark, frame, pickups, dropoffs), found)
    )
    assert missing > without
    windows = {"trip_pickup_features": HOUR, "trip_dropoff_features": None}
    assert trip_violations(trips, found, windows) == []
    assert len(trip_violations(trips, found)) == missing - without
    younger = {"trip_pickup_features": HOUR - timedelta(minutes=20)}
    assert trip_violations(trips, found, younger)


def test_the_look_back_window_is_inclusive_to_the_microsecond(spark, trips_of):
    """The trip's last window ends at 13:00."""
    trips = trips_of(
        [
            ("2016-01-05 11:50:00", "2016-01-05 12:00:00", 1.0, 10.0, 10001, 10002),
            ("2016-01-05 14:00:00", "2016-01-05 14:30:00", 1.0, 20.0, 10001, 10002),
        ]
    )
    asked = trips.where("tpep_pickup_datetime > '2016-01-05 13:00'")
    taken = asked.selectExpr("*", "CAST(10 AS FLOAT) AS mean_fare_window_1h_pickup_zip", f"1 AS {COUNT}")
    assert trip_violations(trips, taken, {"trip_pickup_features": HOUR}) == []
    (found,) = trip_violations(trips, taken, {"trip_pickup_features": HOUR - timedelta(microseconds=1)})
    assert found["tpep_pickup_datetime"] == "2016-01-05 14:00:00"


def test_a_default_value_that_is_named_is_no_leak(spark, trips_of):
    trips = trips_of([("2016-01-05 11:50:00", "2016-01-05 12:00:00", 1.0, 10.0, 10001, 10002)])
    filled = trips.selectExpr("*", f"0 AS {COUNT}", "CAST(-1.5 AS FLOAT) AS mean_fare_window_1h_pickup_zip")
    defaults = {COUNT: 0, "mean_fare_window_1h_pickup_zip": -1.5}
    assert trip_violations(trips, filled, default_values=defaults) == []
    assert len(trip_violations(trips, filled, default_values=defaults | {COUNT: 1})) == 1
    assert len(trip_violations(trips, filled)) == 1


def test_nothing_to_compare_is_no_agreement(trips_of):
    trips = trips_of([("2016-01-05 11:50:00", "2016-01-05 12:00:00", 1.0, 10.0, 10001, 10002)])
    with pytest.raises(ValueError, match="nothing shows whether features leak"):
        trip_violations(trips, trips)
