"""The leakage check agrees with honest features, and catches the ancestor's leak."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from pyspark.sql import functions as F

from my_mlops_stacks.feature_engineering.as_of import disagreements
from my_mlops_stacks.feature_engineering.features.dropoff_features import compute_dropoff_features
from my_mlops_stacks.feature_engineering.features.pickup_features import compute_pickup_features

FIRST, LAST = date(2016, 1, 1), date(2016, 2, 29)


def looked_up(spark, frame: pd.DataFrame, pickups: pd.DataFrame, dropoffs: pd.DataFrame):
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
        ).drop(columns="ts")
    counts = [name for name in asked if "count" in name or "weekend" in name]
    return spark.createDataFrame(asked).withColumns(
        {name: F.when(~F.isnan(name), F.col(name)).cast("int") for name in counts}
    )


@pytest.fixture
def features(real_trips):
    trips, _ = real_trips
    return [compute(trips, FIRST, LAST).toPandas() for compute in (compute_pickup_features, compute_dropoff_features)]


def test_honest_features_agree_with_the_raw_trips(spark, real_trips, features):
    trips, frame = real_trips
    assert disagreements(trips, looked_up(spark, frame, *features)) == []


def test_features_of_an_hour_later_are_found_out(spark, real_trips, features):
    trips, frame = real_trips
    pickups, dropoffs = features
    leaking = pickups.assign(ts=pickups["ts"] - pd.Timedelta(hours=1))
    found = disagreements(trips, looked_up(spark, frame, leaking, dropoffs))
    assert len(found) > 20


def test_one_wrong_count_is_found_out(spark, real_trips, features):
    trips, frame = real_trips
    rows = looked_up(spark, frame, *features)
    wrong = rows.withColumn("count_trips_window_30m_dropoff_zip", F.col("count_trips_window_30m_dropoff_zip") + 1)
    assert len(disagreements(trips, wrong)) == rows.where("count_trips_window_30m_dropoff_zip IS NOT NULL").count()
