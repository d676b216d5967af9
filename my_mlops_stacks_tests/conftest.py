"""Fixtures that several test folders share: those of the machinery, and trips of every origin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core_tests.conftest import (
    environment,
    migrations,
    mlflow_databases,
    nothing_left_in_the_environment,
    spark,
    tables,
    unsynced_databases,
)
from my_mlops_stacks_tests import samples
from my_mlops_stacks_tests.samples import Sample

if TYPE_CHECKING:  # the contract's environment (scripts/test_contract.sh) has nothing that targets need
    from mlops_core.config import Target

__all__ = [
    "environment",
    "migrations",
    "mlflow_databases",
    "nothing_left_in_the_environment",
    "spark",
    "tables",
    "unsynced_databases",
]
"""Fixtures of the machinery's tests, which pytest finds here too."""

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests that are given long begin first: else one of them runs alone in the end."""
    given: dict[Path, float] = {}
    for item in items:
        timeout = item.get_closest_marker("timeout")
        given[item.path] = max(given.get(item.path, 0), timeout.args[0] if timeout else 0)
    items.sort(key=lambda item: -given[item.path])


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
        "max_skewed_share": 0.05,
    }
    fixed = target.monitoring_workflow.model_copy(update=monitoring)
    return target.model_copy(update={"monitoring_workflow": fixed})


@pytest.fixture(scope="session")
def generated_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return samples.generated_sample(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module", params=samples.SAMPLES)
def sample(request: pytest.FixtureRequest, generated_sample: Sample) -> Sample:
    """Generated trips, and in a run of the same test the real ones where they are."""
    return generated_sample if request.param == "generated" else samples.real_sample()


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
def sample_trips(sample: Sample, spark: SparkSession) -> tuple[DataFrame, pd.DataFrame]:
    """The valid trips of the sample, for Spark and for pandas."""
    frame = sample.valid()
    return spark.createDataFrame(frame).selectExpr("*", "to_date(tpep_pickup_datetime) as day"), frame
