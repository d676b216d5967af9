"""Fixtures that several test folders share: an in-process Spark, an empty warehouse, trips of every origin."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables
from my_mlops_stacks_tests import samples
from my_mlops_stacks_tests.samples import Sample

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
OF_THIS_SHELL = re.compile(
    "(ALERT|ARM|AZURE|BUNDLE_VAR|DAGSTER|DATABRICKS|GIT|MLFLOW|PYSPARK|SAIL|SPARK)_|(MLOPS_TARGET|TRIPS_PATH)$"
)
"""Variables that the project, its libraries or git read."""
ROOT = Path(__file__).resolve().parents[1]


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
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same on every machine: without what this shell, a git hook or a person's own settings say.

    Alerts reach nobody, whatever channel a team's targets have.
    """
    home = tmp_path_factory.mktemp("home")
    theirs = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "DATABRICKS_CONFIG_FILE": str(home / "none")}
    theirs["TZ"] = "UTC"  # `collect` of PySpark gives times of this machine's zone
    for name in ("NO_PROXY", "no_proxy"):  # servers that tests start are here
        theirs[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if OF_THIS_SHELL.match(name)]:
            monkeypatch.delenv(name)
        for name, value in {**theirs, **OF_ALERT_CHANNELS}.items():
            monkeypatch.setenv(name, value)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def tables(tmp_path: Path) -> LocalTables:
    """An empty warehouse with a Spark session of its own."""
    return LocalTables(LocalSpark(tmp_path / "warehouse", "test"))


@pytest.fixture
def spark(tables: LocalTables) -> SparkSession:
    return tables.spark.spark_session


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
