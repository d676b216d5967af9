"""The local implementation of Databricks' feature store: the same calls on Delta tables of the warehouse folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store.column_types import check_frame
from mlops_core.adapters.feature_store.look_up import TableRows, look_up
from mlops_core.adapters.feature_store.merge import check_mode, check_rows, check_schema, create, merge
from mlops_core.adapters.feature_store.model_log import (
    check_input_names,
    flavor_module,
    log_with_spec,
    stated_params,
)
from mlops_core.adapters.feature_store.names import check_columns, check_table_name, taken
from mlops_core.adapters.feature_store.point_in_time import column
from mlops_core.adapters.feature_store.protocol import PREDICTION_COLUMN, TrainingSet
from mlops_core.adapters.feature_store.registry import FeatureTableRegistry, LocalFeatureTable, describe
from mlops_core.adapters.feature_store.scoring import LOCAL, check_environment, with_predictions
from mlops_core.adapters.feature_store.spec import RAW_MODEL, FeatureSpec, model_data, read_spec
from mlops_core.adapters.feature_store.training_set import LocalTrainingSet, build_spec
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.tables import LocalTables
from mlops_core.project.feature_lookup import FeatureLookup, as_tuple, check_lookups

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType


class FeatureTableNotFoundError(ValueError):
    """A feature table was used before `create_table`."""


@dataclass(frozen=True)
class LocalFeatureStore:
    """`FeatureStore` on the Delta tables of `tables` and the MLflow of `model_registry`.

    Tables are named plainly or with the warehouse's schema before them. A call with names of columns that do not
    exist fails when it is made; a training set's null label time fails when its rows are computed.
    """

    tables: LocalTables
    model_registry: ModelRegistry

    def create_table(
        self,
        *,
        name: str,
        primary_keys: str | Sequence[str],
        df: DataFrame | None = None,
        timeseries_column: str | None = None,
        partition_columns: str | Sequence[str] | None = None,
        schema: StructType | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LocalFeatureTable:
        """See `FeatureStore.create_table`. A Delta table of that name which is no feature table is refused."""
        plain = self._plain(name)
        if df is not None:
            check_frame(df)
        if self.tables.exists(plain):
            return self._existing(plain)
        rows = self._empty(schema) if df is None else df
        if schema is not None and schema.simpleString() != rows.schema.simpleString():
            raise ValueError(f"Feature table '{name}': df and schema differ; pass one of them.")
        table = describe(plain, primary_keys, timeseries_column, partition_columns, rows.schema)
        check_rows(rows, table)
        self._registry.put(plain, replace(table, description=description, tags=dict(tags or {})))
        create(self.tables, table, rows)
        return self.get_table(name=name)

    def get_table(self, *, name: str) -> LocalFeatureTable:
        """The description of a feature table.

        Raises:
            FeatureTableNotFoundError: there is no feature table of this name.
        """
        plain = self._plain(name)
        table = self._registry.get(plain) if self.tables.exists(plain) else None
        if table is None:
            raise FeatureTableNotFoundError(
                f"There is no feature table '{self.tables.full_name(plain)}' yet: materialize its asset, or create it "
                "with create_table."
            )
        return replace(table, features=tuple(self.tables.read(plain).columns))

    def read_table(self, *, name: str) -> DataFrame:
        """See `FeatureStore.read_table`."""
        return self._read(name).rows

    def write_table(self, *, name: str, df: DataFrame, mode: str = "merge") -> None:
        """See `FeatureStore.write_table`. The rows are computed twice: to check their keys, and to write them."""
        check_mode(mode)
        check_frame(df)
        source = self._read(name)
        check_schema(df, source)
        check_rows(df, source.table)
        merge(self.tables, source.table, df)

    def drop_table(self, *, name: str) -> None:
        """See `FeatureStore.drop_table`. Whoever reads the table meanwhile fails."""
        plain = self.get_table(name=name).name
        with self.tables.only_writer(plain):
            self.tables.spark.forget(plain)
            shutil.rmtree(self.tables.folder(plain) / "_delta_log")  # first: without it the rest is no table any more
            shutil.rmtree(self.tables.folder(plain))
            self._registry.remove(plain)

    def create_training_set(
        self,
        *,
        df: DataFrame,
        feature_lookups: Sequence[FeatureLookup],
        label: str | Sequence[str] | None,
        exclude_columns: str | Sequence[str] | None = None,
    ) -> LocalTrainingSet:
        """See `FeatureStore.create_training_set`."""
        check_frame(df)
        check_lookups(feature_lookups)
        labels = as_tuple(label or None)
        lookups = [replace(lookup, table_name=self._full(lookup.table_name)) for lookup in feature_lookups]
        spec = build_spec(df, lookups, labels, as_tuple(exclude_columns), self._read)
        return LocalTrainingSet(df, spec, labels, self._read)

    def log_model(
        self,
        *,
        model: Any,
        artifact_path: str,
        flavor: ModuleType | str,
        training_set: TrainingSet,
        registered_model_name: str | None = None,
        signature: Any = None,
        input_example: Any = None,
        params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> ModelInfo:
        """See `FeatureStore.log_model`. The logged model also predicts by itself, for rows with all the features."""
        if not isinstance(training_set, LocalTrainingSet):
            raise TypeError(f"A {type(training_set).__name__} is of another store: create_training_set makes one here.")
        check_input_names(training_set.spec.model_inputs, signature, input_example)
        self._point_mlflow()
        return log_with_spec(
            spec=training_set.spec,
            model=model,
            artifact_path=artifact_path,
            flavor=flavor_module(flavor),
            registered_model_name=registered_model_name,
            signature=signature,
            input_example=input_example,
            params=stated_params(signature, params),
            **kwargs,
        )

    def score_batch(
        self,
        *,
        model_uri: str,
        df: DataFrame,
        result_type: str | DataType = "double",
        env_manager: str = LOCAL,
        params: Mapping[str, Any] | None = None,
    ) -> DataFrame:
        """See `FeatureStore.score_batch`."""
        check_frame(df)
        check_environment(env_manager)
        self._point_mlflow()
        spec = read_spec(model_uri)
        _check_scorable(df, spec)
        inputs = spec.model_inputs
        rows = look_up(df, spec, self._read, keep_timeless=True)
        kept = df.columns + [name for name in inputs if name not in df.columns]
        raw_model = model_data(model_uri) / RAW_MODEL
        return with_predictions(rows.select(*map(column, kept)), raw_model, inputs, result_type, params)

    @property
    def _registry(self) -> FeatureTableRegistry:
        return FeatureTableRegistry(self.tables.spark.warehouse / self.tables.spark.schema)

    def _existing(self, plain: str) -> LocalFeatureTable:
        if self._registry.get(plain) is None:
            raise ValueError(
                f"'{self.tables.full_name(plain)}' is a Delta table but no feature table: choose another name."
            )
        return self.get_table(name=plain)

    def _read(self, name: str) -> TableRows:
        """A table as of its newest version: two reads within one query must see the same rows."""
        table = self.get_table(name=name)
        return TableRows(table, self.tables.read(table.name, version=self.tables.version(table.name)))

    def _empty(self, schema: StructType | None) -> DataFrame:
        if schema is None:
            raise ValueError("create_table needs df or schema to know the columns of the table.")
        return self.tables.spark.spark_session.createDataFrame([], schema)

    def _plain(self, name: str) -> str:
        check_table_name(name)
        *qualifiers, plain = name.split(".")
        if qualifiers and qualifiers[-1] != self.tables.spark.schema:
            raise ValueError(
                f"Feature table '{name}' is in another schema than '{self.tables.spark.schema}', the only one here."
            )
        return plain

    def _full(self, name: str) -> str:
        return self.tables.full_name(self._plain(name))

    def _point_mlflow(self) -> None:
        import mlflow

        mlflow.set_tracking_uri(self.model_registry.tracking_uri)
        mlflow.set_registry_uri(self.model_registry.registry_uri)


def _check_scorable(df: DataFrame, spec: FeatureSpec) -> None:
    if taken([PREDICTION_COLUMN], df.columns):
        raise ValueError(f"score_batch adds the column '{PREDICTION_COLUMN}', which df already has: drop or rename it.")
    check_columns(df.columns)
    cased = [name for name in taken((feature.name for feature in spec.features), df.columns) if name not in df.columns]
    if cased:
        raise ValueError(
            f"The DataFrame to score has the features {cased} in another case: rename or drop its columns."
        )
    missing = [name for name in spec.required_columns if name not in df.columns]
    if missing:
        raise ValueError(f"The DataFrame to score lacks {missing}, which the model's look-ups or inputs need.")
