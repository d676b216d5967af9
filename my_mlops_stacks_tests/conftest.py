"""Fixtures that several test folders share: an in-process Spark, an empty warehouse, trips real and made by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables

if TYPE_CHECKING:  # the contract's environment (scripts/test_contract.sh) has nothing that targets need
    from my_mlops_stacks.target import Target

OF_ALERT_CHANNELS = {
    "ALERT_TEAMS_WEBHOOK_URL": "https://example.invalid/hook",
    "ALERT_EMAIL_FROM": "pipeline@example.invalid",
    "ALERT_EMAIL_PASSWORD": "of nobody",
    "ALERT_EMAIL_TO": "people@example.invalid",
    "ALERT_SMTP_HOST": "smtp.example.invalid",
}
"""What a target with an alert channel needs to load."""
ROOT = Path(__file__).resolve().parents[1]
REAL_TRIPS = ROOT.parent / "shared" / "data" / "nyctaxi_trips_2016.parquet"


def with_fixed_rules(target: Target) -> Target:
    """`target` with the numbers that tests reckon with, whatever a team has tuned."""
    monitoring = {
        "metric_to_monitor": "root_mean_squared_error",
        "metric_violation_threshold": 5.0,
        "num_evaluation_windows": 5,
        "num_violation_windows": 2,
        "minimum_coverage": 0.8,
        "minimum_count": 50,
        "label_delay_days": 2,
        "cooldown_days": 3,
        "max_retrainings": 3,
        "retraining_days": 0,
    }
    fixed = target.monitoring_workflow.model_copy(update=monitoring)
    return target.model_copy(update={"monitoring_workflow": fixed})


@pytest.fixture(scope="session", autouse=True)
def alerts_reach_nobody() -> Iterator[None]:
    """Whatever channel a team's targets have, and whatever this shell knows of it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in OF_ALERT_CHANNELS.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.fixture
def tables(tmp_path: Path) -> LocalTables:
    """An empty warehouse with a Spark session of its own."""
    return LocalTables(LocalSpark(tmp_path / "warehouse", "test"))


@pytest.fixture
def spark(tables: LocalTables) -> SparkSession:
    return tables.spark.spark_session


@pytest.fixture
def real_trips_path() -> Path:
    return find_real_trips()


def real_trips_file() -> Path:
    """Where the sample of real trips that MLOps Stacks trains on is, if it is anywhere; TRIPS_PATH says otherwise."""
    return Path(os.environ.get("TRIPS_PATH", REAL_TRIPS))


def find_real_trips() -> Path:
    """The sample of real trips; without it the test is skipped."""
    path = real_trips_file()
    if not path.exists():
        pytest.skip("the sample of real trips is not here: name it with TRIPS_PATH")
    return path


@pytest.fixture
def trips_of(spark: SparkSession):
    """A function from rows (pickup, drop-off, distance, fare, pickup zip, drop-off zip) to accepted trips."""

    def build(rows: list[tuple[str, str, float, float, int, int]]) -> DataFrame:
        raw = spark.createDataFrame(
            rows,
            "pickup string, dropoff string, trip_distance double, fare_amount double, pickup_zip int, dropoff_zip int",
        )
        return raw.selectExpr(
            "cast(pickup as timestamp) as tpep_pickup_datetime",
            "cast(dropoff as timestamp) as tpep_dropoff_datetime",
            "trip_distance",
            "fare_amount",
            "pickup_zip",
            "dropoff_zip",
            "to_date(pickup) as day",
        )

    return build


@pytest.fixture
def real_trips(real_trips_path: Path, spark: SparkSession) -> tuple[DataFrame, pd.DataFrame]:
    """The valid real trips, for Spark and for pandas, by the plain rules of the sample's description."""
    frame = pd.read_parquet(real_trips_path)
    valid = frame[
        (frame.fare_amount > 0) & (frame.trip_distance > 0) & (frame.tpep_dropoff_datetime > frame.tpep_pickup_datetime)
    ]
    frame = valid.reset_index(drop=True)
    trips = spark.createDataFrame(frame).selectExpr("*", "to_date(tpep_pickup_datetime) as day")
    return trips, frame
