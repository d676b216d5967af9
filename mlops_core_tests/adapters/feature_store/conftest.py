"""A local feature store with an MLflow of its own, and frames whose times are the UTC session's wall clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.model_registry import ModelRegistry

TIME = pa.timestamp("us", tz="UTC")
MakeFrame = Callable[[Iterable[tuple], pa.Schema], DataFrame]


@pytest.fixture(scope="session")
def registry(tmp_path_factory) -> ModelRegistry:
    """MLflow on SQLite: creating its tables takes seconds, so one serves all tests."""
    folder: Path = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return ModelRegistry("fare_model", "fares", uri, uri, "http://127.0.0.1:5000", folder / "artifacts")


@pytest.fixture
def store(tables, registry) -> LocalFeatureStore:
    return LocalFeatureStore(tables, registry)


@pytest.fixture
def make_frame(spark) -> MakeFrame:
    """Rows and an Arrow schema as a Spark frame: naive times are not shifted by the machine's time zone."""

    def build(rows: Iterable[tuple], schema: pa.Schema) -> DataFrame:
        rows = list(rows)
        frame = spark.createDataFrame(as_table(rows or [(None,) * len(schema)], schema))
        return frame if rows else frame.limit(0)

    return build


def as_table(rows: Iterable[tuple], schema: pa.Schema) -> pa.Table:
    records = [dict(zip(schema.names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(records, schema)
