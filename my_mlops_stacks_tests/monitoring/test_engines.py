"""The monitor tables and the rules say the same on Sail and on Apache Spark."""

from __future__ import annotations

import shutil
from datetime import date

import numpy as np
import pandas as pd
import pytest

from mlops_core_tests.monitoring.engines import asked_on_apache, assert_same
from my_mlops_stacks_tests.monitoring.on_engine import answers


def make_input(folder) -> None:
    """Four days of trips with duplicates, nulls, late fares, and a second version on the last two days."""
    rng = np.random.default_rng(5)
    count = 600
    pickup = pd.Timestamp("2016-02-15") + pd.to_timedelta(rng.integers(0, 4 * 24 * 60, count), "min")
    trips = pd.DataFrame(
        {
            "tpep_pickup_datetime": pickup.astype("datetime64[us]"),
            "tpep_dropoff_datetime": (pickup + pd.Timedelta(minutes=20)).astype("datetime64[us]"),
            "pickup_zip": rng.choice([10001, 10002, 10003, 11371], count).astype("int32"),
            "dropoff_zip": rng.choice([10001, 10002], count).astype("int32"),
            "trip_distance": rng.choice([0.5, 1.5, 3.0, 6.0, 12.0], count),
            "day": pickup.date,
        }
    )
    trips = pd.concat([trips, trips.head(20)], ignore_index=True)
    fares = 2.5 + 3 * trips["trip_distance"] + rng.normal(0, 1, len(trips)).round(2)
    hours = trips["tpep_pickup_datetime"].dt.hour.astype("int32")
    speed = pd.Series(rng.normal(12, 3, len(trips))).where(rng.random(len(trips)) > 0.1)
    predictions = trips.drop(columns="tpep_dropoff_datetime").assign(
        pickup_hour=hours,
        mean_fare_window_1h_pickup_zip=speed.astype("float32"),
        count_trips_window_1h_pickup_zip=hours,
        count_trips_window_30m_dropoff_zip=hours,
        prediction=4 + 3 * trips["trip_distance"],
        model_name="fare_model",
        model_version=np.int32(1),
        prediction_time=pd.Timestamp("2016-02-20 11:00:00").to_datetime64().astype("datetime64[us]"),
    )
    again = predictions[predictions["tpep_pickup_datetime"] >= "2016-02-17"]
    both = pd.concat([predictions, again.assign(model_version=np.int32(2), prediction=again["prediction"] + 1)])
    both.to_parquet(folder / "predictions.parquet", index=False)
    late = rng.random(len(trips)) < np.where(trips["day"] == date(2016, 2, 17), 0.4, 0.1)
    trips.assign(fare_amount=fares)[~late].to_parquet(folder / "trips.parquet", index=False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")
def test_sail_and_apache_spark_agree(spark, tmp_path):
    make_input(tmp_path)
    on_apache = asked_on_apache("my_mlops_stacks_tests.monitoring.on_engine", tmp_path)
    on_sail = answers(spark, tmp_path)
    assert_same(on_sail, on_apache)
    error, explained, bias, covered = on_sail["violations"]
    assert [error[0], explained[0], bias[0]] == [True, True, True]
    assert error[2] == "fare_model/2"
    assert error[3] == ["2016-02-18", "2016-02-17", "2016-02-16"]
    assert covered[3] == ["2016-02-18", "2016-02-16", "2016-02-15"]  # the 17th is below the coverage
