"""Stands for Databricks' package of this name in the emulated runtime: the project's twin, on the workspace's tables.

It takes the arguments of the real `FeatureEngineeringClient` and answers with what `DatabricksFeatureStore` reads of
its answers. The twin comes with the code that the step launcher staged. Feature tables are managed tables of Unity
Catalog: their Delta folders are where the emulator keeps those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
from emulated import config
from mlflow.models import infer_signature
from pyspark.sql import DataFrame, SparkSession

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.feature_store.spec import read_spec
from mlops_core.adapters.feature_store.training_set import LocalTrainingSet
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.sql_names import quoted_path
from mlops_core.adapters.tables import LocalTables
from mlops_core.project.feature_lookup import FeatureLookup

__all__ = ["FeatureEngineeringClient", "FeatureLookup"]

SIGNATURE_ROWS = 5


@dataclass(frozen=True)
class WorkspaceSpark:
    """The runtime's session, with the folder of a catalog's managed tables as its warehouse."""

    warehouse: Path
    schema: str

    @property
    def spark_session(self) -> SparkSession:
        return SparkSession.builder.getOrCreate()

    def full_name(self, name: str) -> str:
        return f"{self.warehouse.name}.{self.schema}.{name}"

    def location(self, name: str) -> str:
        return str(self.warehouse / self.schema / name)

    def register(self, name: str) -> None:
        table = quoted_path(self.full_name(name))
        self.spark_session.sql(f"CREATE TABLE IF NOT EXISTS {table} USING delta LOCATION '{self.location(name)}'")

    def forget(self, name: str) -> None:
        self.spark_session.sql(f"DROP TABLE IF EXISTS {quoted_path(self.full_name(name))}")


@dataclass(frozen=True)
class SchemaTables(LocalTables):
    """The managed tables of one schema of Unity Catalog, as the twin wants them: with their folders."""

    spark: WorkspaceSpark

    def full_name(self, name: str) -> str:
        return self.spark.full_name(name)


class TrainingSet:
    """The twin's training set with the real one's `feature_spec`."""

    def __init__(self, twin: LocalTrainingSet) -> None:
        self.twin = twin
        columns = [*twin.spec.sources, *twin.spec.features]
        infos = [SimpleNamespace(output_name=column.name, include=column.include) for column in columns]
        self.feature_spec = SimpleNamespace(column_infos=infos)

    def load_df(self) -> DataFrame:
        return self.twin.load_df()


class FeatureEngineeringClient:
    """The calls of the real client that the project makes. Tables are named `catalog.schema.table`."""

    def __init__(self, *, model_registry_uri: str | None = None) -> None:
        self.registry_uri = model_registry_uri or "databricks-uc"

    def create_table(self, *, name: str, **arguments: Any) -> Any:
        return self._store(name).create_table(name=name, **arguments)

    def get_table(self, *, name: str) -> Any:
        return self._store(name).get_table(name=name)

    def read_table(self, *, name: str) -> DataFrame:
        return self._store(name).read_table(name=name)

    def write_table(self, *, name: str, df: DataFrame, mode: str = "merge") -> None:
        self._store(name).write_table(name=name, df=df, mode=mode)

    def drop_table(self, *, name: str) -> None:
        self._store(name).drop_table(name=name)

    def create_training_set(
        self,
        *,
        df: DataFrame,
        feature_lookups: Sequence[FeatureLookup],
        label: str | list[str] | None,
        exclude_columns: Sequence[str] = (),
    ) -> TrainingSet:
        store = self._store(feature_lookups[0].table_name)
        twin = store.create_training_set(
            df=df, feature_lookups=feature_lookups, label=label, exclude_columns=exclude_columns
        )
        return TrainingSet(twin)

    def log_model(
        self,
        *,
        model: Any,
        artifact_path: str,
        flavor: Any,
        training_set: TrainingSet,
        infer_input_example: bool = False,
        **kwargs: Any,
    ) -> Any:
        """As the real client does, writes the signature itself; it has no argument for one."""
        rows = training_set.load_df().limit(SIGNATURE_ROWS).toPandas()
        labels = list(training_set.twin.labels)
        inputs = rows.drop(columns=labels)
        store = self._store(training_set.twin.spec.features[0].table_name)
        return store.log_model(
            model=model,
            artifact_path=artifact_path,
            flavor=flavor,
            training_set=training_set.twin,
            signature=infer_signature(inputs, rows[labels]),
            input_example=inputs if infer_input_example else None,
            **kwargs,
        )

    def score_batch(self, *, model_uri: str, df: DataFrame, **arguments: Any) -> DataFrame:
        mlflow.set_registry_uri(self.registry_uri)
        store = self._store(read_spec(model_uri).features[0].table_name)
        return store.score_batch(model_uri=model_uri, df=df, **arguments)

    def _store(self, table: str) -> LocalFeatureStore:
        catalog, schema, _ = table.split(".")
        spark = WorkspaceSpark(Path(config.load().tables) / catalog, schema)
        tracking = mlflow.get_tracking_uri()
        registry = ModelRegistry("", "", tracking_uri=tracking, registry_uri=self.registry_uri, ui="")
        return LocalFeatureStore(SchemaTables(spark), registry)
