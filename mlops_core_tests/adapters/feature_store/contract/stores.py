"""The two feature stores with the tables of the cases, behind one face."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, partialmethod
from hashlib import sha1
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core.adapters.feature_store.databricks import DatabricksFeatureStore
from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables, UnityCatalogTables
from mlops_core_tests.adapters.feature_store.contract.cases import TABLES
from mlops_core_tests.adapters.feature_store.contract.workspace import Workspace, served

MIDNIGHT_MICROS = 1_451_952_000_000_000  # 5 January 2016, UTC
ARROW = {"smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64(), "float": pa.float32(), "double": pa.float64()}
ARROW |= {"boolean": pa.bool_(), "string": pa.string(), "date": pa.date32(), "timestamp": pa.timestamp("us", tz="UTC")}
SAIL_CATALOG, SCHEMA = "sail", "contract"


def frame(spark: SparkSession, schema: Mapping[str, str], rows: Sequence[tuple]) -> DataFrame:
    """Rows whose timestamps are minutes after midnight."""
    columns = zip(*rows, strict=True)
    arrays = {
        name: pa.array([_micros(value) if kind == "timestamp" else value for value in column], ARROW[kind])
        for (name, kind), column in zip(schema.items(), columns, strict=True)
    }
    return spark.createDataFrame(pa.table(arrays))


def _micros(minute: int | None) -> int | None:
    return None if minute is None else MIDNIGHT_MICROS + minute * 60_000_000


def twin(folder: Path) -> FeatureStore:
    database = f"sqlite:///{folder}/m.db"
    registry = ModelRegistry("model", "contract", database, database, "http://ui", artifacts=folder / "artifacts")
    store = LocalFeatureStore(LocalTables(LocalSpark(folder / "warehouse", SCHEMA)), registry)
    for name, (columns, keys, time, rows) in TABLES.items():
        filled = frame(store.tables.spark.spark_session, columns, rows)
        store.create_table(name=name, primary_keys=keys, timeseries_column=time, df=filled)
    return store


@contextmanager
def real(folder: Path, native_join: bool) -> Iterator[FeatureStore]:
    """Our adapter over Databricks' client, which reads tables of Sail and asks a workspace on loopback about them.

    The client has two ways to join, and takes dbl-tempo's unless it is asked for Spark's.
    """
    spark, workspace = LocalSpark(folder / "warehouse", SCHEMA), Workspace()
    for name, (columns, keys, time, rows) in TABLES.items():
        full_name = f"{SAIL_CATALOG}.{SCHEMA}.{name}"
        frame(spark.spark_session, columns, rows).write.format("delta").save(str(folder / name))
        spark.spark_session.sql(f"CREATE TABLE {full_name} USING delta LOCATION '{folder / name}'")
        workspace.add_table(full_name, columns, keys, time)
    with served(workspace) as address, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DATABRICKS_HOST", address)
        monkeypatch.setenv("DATABRICKS_TOKEN", "a-token-of-nobody")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        monkeypatch.chdir(folder)  # where MLflow then keeps models
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda _: spark.spark_session)
        from databricks.ml_features._spark_client._spark_client import SparkClient

        monkeypatch.setattr(
            SparkClient, "catalog_exists", lambda _, name: name == SAIL_CATALOG
        )  # Sail has no words for it
        monkeypatch.setattr(
            SparkClient, "get_predict_udf", partialmethod(_with_model_at_hand, SparkClient.get_predict_udf)
        )
        store = DatabricksFeatureStore(UnityCatalogTables(spark, SAIL_CATALOG, SCHEMA), f"sqlite:///{folder}/mlflow.db")
        for name in ("create_training_set", "score_batch"):
            call = partial(getattr(store.client, name), use_spark_native_join=native_join)
            monkeypatch.setattr(store.client, name, call)
        yield store


def _with_model_at_hand(client: Any, predict_udf: Callable[..., Any], model_uri: str, **arguments: Any) -> Any:
    """Put the model where the UDF looks for it: the client deletes its copy before Sail, which loads late, predicts."""
    place = sha1(model_uri.encode(), usedforsecurity=False).hexdigest()
    shutil.copytree(model_uri, Path(tempfile.gettempdir()) / "mlflow" / place / str(os.getpid()))
    return predict_udf(client, model_uri, **arguments)


def logged(store: FeatureStore, training_set: Any, model: Any, flavor: str, **arguments: Any) -> str:
    """The address of a model that a run of this store's MLflow logged."""
    run = store.model_registry.run("contract", {}) if isinstance(store, LocalFeatureStore) else mlflow.start_run()
    with run:
        info = store.log_model(
            model=model,
            artifact_path="model",
            flavor=flavor,
            training_set=training_set,
            pip_requirements=["mlflow"],
            **arguments,
        )
    return info.model_uri


def session(store: Any) -> SparkSession:
    return store.tables.spark.spark_session


def specified(training_set: Any) -> list[tuple[str, bool]]:
    """Columns of a training set's specification, and whether the model sees them."""
    if hasattr(training_set, "feature_spec"):
        return [(info.output_name, info.include) for info in training_set.feature_spec.column_infos]
    return [(column.name, column.include) for column in (*training_set.spec.sources, *training_set.spec.features)]


def content(store: FeatureStore, name: str) -> list[tuple]:
    """A table's rows without their times, in order."""
    return sorted((tuple(row) for row in store.read_table(name=name).drop("ts").collect()), key=repr)
