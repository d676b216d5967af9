"""Fixtures that the tests of the machinery share: an in-process Spark, and flights."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core_tests.flights import sample
from my_mlops_stacks.adapters.spark import LocalSpark


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    return LocalSpark(tmp_path_factory.mktemp("warehouse"), "machinery").spark_session


@pytest.fixture(scope="session", params=sample.SAMPLES)
def flights(request: pytest.FixtureRequest) -> pd.DataFrame:
    return sample.flights(request.param)


@pytest.fixture(scope="session")
def flight_events(spark: SparkSession, flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    return sample.as_events(spark, flights, Path(tmp_path_factory.mktemp("flights")))
