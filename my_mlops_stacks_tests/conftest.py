"""Fixtures that several test folders share: an in-process Spark, an empty warehouse, trips real and made by hand."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables

ROOT = Path(__file__).resolve().parents[1]
REAL_TRIPS = ROOT.parent / "shared" / "data" / "nyctaxi_trips_2016.parquet"


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


def find_real_trips() -> Path:
    """The sample of real trips that MLOps Stacks trains on; TRIPS_PATH says where it is."""
    path = Path(os.environ.get("TRIPS_PATH", REAL_TRIPS))
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
