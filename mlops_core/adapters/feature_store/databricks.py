"""The feature store of Databricks: a thin adapter over `databricks.feature_engineering.FeatureEngineeringClient`.

The package is licensed for use with Databricks and slow to import, so it is imported on the cluster, at first use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store.connect_defaults import fill_with_python_numbers
from mlops_core.adapters.feature_store.model_log import check_input_names, flavor_module, stated_params
from mlops_core.adapters.feature_store.names import check_table_name
from mlops_core.adapters.feature_store.online import available_store, publish
from mlops_core.adapters.tables import Tables
from mlops_core.project.feature_lookup import FeatureLookup, as_tuple, check_lookups

if TYPE_CHECKING:
    from databricks.feature_engineering import FeatureEngineeringClient
    from databricks.feature_engineering import FeatureLookup as DatabricksFeatureLookup
    from databricks.feature_engineering.entities.feature_table import FeatureTable
    from databricks.feature_engineering.training_set import TrainingSet
    from mlflow.models.model import ModelInfo
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType


@dataclass(frozen=True)
class DatabricksFeatureStore:
    """`FeatureStore` of a workspace. A plain table name means the target's catalog and schema, as in `tables`."""

    tables: Tables
    registry_uri: str = "databricks-uc"

    @cached_property
    def client(self) -> FeatureEngineeringClient:
        """The real client; starts with the first call."""
        from databricks.feature_engineering import FeatureEngineeringClient

        fill_with_python_numbers()
        return FeatureEngineeringClient(model_registry_uri=self.registry_uri)

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
    ) -> FeatureTable:
        """See `FeatureStore.create_table`."""
        return self.client.create_table(
            name=self._full(name),
            primary_keys=list(as_tuple(primary_keys)),
            df=df,
            timeseries_column=timeseries_column,
            partition_columns=list(as_tuple(partition_columns)) or None,
            schema=schema,
            description=description,
            tags=dict(tags) if tags else None,
        )

    def get_table(self, *, name: str) -> FeatureTable:
        """See `FeatureStore.get_table`."""
        return self.client.get_table(name=self._full(name))

    def read_table(self, *, name: str) -> DataFrame:
        """See `FeatureStore.read_table`."""
        return self.client.read_table(name=self._full(name))

    def write_table(self, *, name: str, df: DataFrame, mode: str = "merge") -> None:
        """See `FeatureStore.write_table`."""
        self.client.write_table(name=self._full(name), df=df, mode=mode)

    def drop_table(self, *, name: str) -> None:
        """See `FeatureStore.drop_table`."""
        self.client.drop_table(name=self._full(name))

    def create_training_set(
        self,
        *,
        df: DataFrame,
        feature_lookups: Sequence[FeatureLookup],
        label: str | Sequence[str] | None,
        exclude_columns: str | Sequence[str] | None = None,
    ) -> TrainingSet:
        """See `FeatureStore.create_training_set`."""
        check_lookups(feature_lookups)
        return self.client.create_training_set(
            df=df,
            feature_lookups=[self._lookup(lookup) for lookup in feature_lookups],
            label=label if label is None or isinstance(label, str) else list(label),
            exclude_columns=list(as_tuple(exclude_columns)),
        )

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
        """See `FeatureStore.log_model`.

        The client writes the logged model's signature itself, from the training set: `signature` and `input_example`
        only serve to check the model's inputs here, and the signature's parameters are passed on.
        """
        import mlflow

        seen = [info.output_name for info in training_set.feature_spec.column_infos if info.include]
        check_input_names(seen, signature, input_example)
        info = self.client.log_model(
            model=model,
            artifact_path=artifact_path,
            flavor=flavor_module(flavor),
            training_set=training_set,
            infer_input_example=input_example is not None,
            params=stated_params(signature, params),
            **kwargs,
        )
        if registered_model_name is not None:  # here, not in the client: it does not say which version it made
            mlflow.set_registry_uri(self.registry_uri)
            info.registered_model_version = mlflow.register_model(info.model_uri, registered_model_name).version
        return info

    def score_batch(
        self,
        *,
        model_uri: str,
        df: DataFrame,
        result_type: str | DataType = "double",
        env_manager: str = "local",
        params: Mapping[str, Any] | None = None,
    ) -> DataFrame:
        """See `FeatureStore.score_batch`."""
        return self.client.score_batch(
            model_uri=model_uri,
            df=df,
            result_type=result_type,
            env_manager=env_manager,
            params=dict(params) if params else None,
        )

    def publish(self, names: Sequence[str], online_store: str, capacity: str) -> list[str]:
        """Bring the online tables of feature tables up to date, in a store that is created when it is missing.

        Returns:
            The full names of the online tables.

        Raises:
            OnlineStoreError: the store is not available in time.
        """
        store, session = available_store(self.client, online_store, capacity), self.tables.spark.spark_session
        return [publish(self.client, session, store, self._full(name)) for name in names]

    def _full(self, name: str) -> str:
        """The three parts that the client wants; `schema.table` is in the target's catalog."""
        check_table_name(name)
        catalog, schema, _ = self.tables.full_name("table").split(".")
        return ".".join([*[catalog, schema][: 2 - name.count(".")], name])

    def _lookup(self, lookup: FeatureLookup) -> DatabricksFeatureLookup:
        """Our look-up as the real class."""
        from databricks.feature_engineering import FeatureLookup as DatabricksFeatureLookup

        return DatabricksFeatureLookup(
            table_name=self._full(lookup.table_name),
            lookup_key=list(lookup.keys),
            feature_names=list(lookup.features) or None,
            rename_outputs=dict(lookup.rename_outputs or {}) or None,
            timestamp_lookup_key=lookup.timestamp_lookup_key,
            lookback_window=lookup.lookback_window,
            default_values=dict(lookup.default_values or {}) or None,
        )
