"""Features and their look-up on Apache Spark: the same rows as on Sail, on made trips and on the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from mlops_core.adapters.feature_store.point_in_time import Match, point_in_time_join
from my_mlops_stacks_tests.feature_engineering.computed import compute_dropoff_features, compute_pickup_features
from my_mlops_stacks_tests.feature_engineering.test_incremental import made_trips
from my_mlops_stacks_tests.samples import SAMPLES, TIMES, real_sample

pytestmark = pytest.mark.slow

COMPUTE = {"pickup": compute_pickup_features, "dropoff": compute_dropoff_features}
DAYS = date(2016, 1, 1), date(2016, 12, 31)
FEATURES = ["mean_fare_window_1h_pickup_zip", "count_trips_window_1h_pickup_zip"]
MATCH = Match(["pickup_zip"], ["zip"], "tpep_pickup_datetime", "ts")

ON_APACHE_SPARK = """
import sys
from pyspark.sql import SparkSession
from my_mlops_stacks_tests.feature_engineering.test_apache_spark import make
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2").getOrCreate()
for folder in sys.argv[1:]:
    for name, rows in make(spark, folder).items():
        rows.write.parquet(f"{folder}/{name}")
"""


def make(spark, folder: str) -> dict:
    """The feature tables of the trips in `folder`, and the trips with the pickup features of their pickup."""
    trips = spark.read.parquet(f"{folder}/trips.parquet").selectExpr("*", "to_date(tpep_pickup_datetime) as day")
    tables = {name: compute(trips, *DAYS) for name, compute in COMPUTE.items()}
    joined = point_in_time_join(trips.drop("day"), tables["pickup"], MATCH, {name: name for name in FEATURES})
    return tables | {"joined": joined}


def generated() -> pd.DataFrame:
    """The ends of months, one of them on a leap day, and both days on which New York sets its clock."""
    starts = [date(2016, 1, 30), date(2016, 2, 28), date(2016, 3, 12), date(2016, 11, 5)]
    return pd.concat(made_trips(1_000, number, start, days=3) for number, start in enumerate(starts))


def real() -> pd.DataFrame:
    """The real trips, and again moved to March, where the clock is set forward and a month ends."""
    raw = real_sample().raw()
    raw = raw[(raw.fare_amount > 0) & (raw.trip_distance > 0)]
    moved = raw.assign(**{name: raw[name] + pd.Timedelta(days=31) for name in TIMES})
    return pd.concat([raw, moved])


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Path:
    """A folder for each set of trips, with what Apache Spark made of them, all in one process."""
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install default-jre-headless")
    folder, trips = tmp_path_factory.mktemp("apache_spark"), {"generated": generated, "real": real}
    for name in SAMPLES:
        frame = trips[name]()
        (folder / name).mkdir()
        zoned = {time: frame[time].astype("datetime64[us]").dt.tz_localize("UTC") for time in TIMES}
        frame.assign(**zoned).to_parquet(folder / name / "trips.parquet", index=False)
    others = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    quick = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}  # less compiling for so few rows
    environment = others | quick | {"SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ON_APACHE_SPARK, *map(str, sorted(folder.iterdir()))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(params=SAMPLES)
def folder(request: pytest.FixtureRequest, there: Path) -> Path:
    return there / request.param


def in_order(frame: pd.DataFrame, *times: str) -> pd.DataFrame:
    """Rows in one order, times without a zone."""
    naive = {name: pd.to_datetime(frame[name]).dt.tz_localize(None).astype("datetime64[us]") for name in times}
    frame = frame.assign(**naive)
    return frame.sort_values(list(frame.columns), ignore_index=True)


def test_the_feature_tables_are_the_same(folder: Path, spark) -> None:
    here = make(spark, str(folder))
    for name in COMPUTE:
        ours, theirs = in_order(here[name].toPandas(), "ts"), in_order(pd.read_parquet(folder / name), "ts")
        assert len(ours) > 500
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_exact=True)


def test_the_look_up_finds_the_rows_of_merge_asof_on_both(folder: Path, spark) -> None:
    theirs = in_order(pd.read_parquet(folder / "joined"), *TIMES)
    ours = in_order(make(spark, str(folder))["joined"].toPandas(), *TIMES)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_exact=True)
    trips = in_order(pd.read_parquet(folder / "trips.parquet"), *TIMES)
    features = in_order(pd.read_parquet(folder / "pickup"), "ts")
    expected = pd.merge_asof(
        trips.sort_values("tpep_pickup_datetime"),
        features.rename(columns={"zip": "pickup_zip"}).drop(columns="day").sort_values("ts"),
        left_on="tpep_pickup_datetime",
        right_on="ts",
        by="pickup_zip",
    )
    expected = in_order(expected[list(theirs.columns)], *TIMES)
    assert theirs[FEATURES[0]].notna().sum() > 1_000
    pd.testing.assert_frame_equal(theirs, expected, check_dtype=False, check_exact=True)
