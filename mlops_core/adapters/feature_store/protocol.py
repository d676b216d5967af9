"""The interface of a feature store, with the names of Databricks' `FeatureEngineeringClient`.

Two implementations: `DatabricksFeatureStore` calls the real client, `LocalFeatureStore` does the same on local Delta
tables. Argument names and behaviour are the real client's, so code moves between them unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from mlops_core.project.feature_lookup import FeatureLookup

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

PREDICTION_COLUMN = "prediction"


class FeatureTable(Protocol):
    """The description of a feature table. `primary_keys` have the time-series column among them."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def primary_keys(self) -> Sequence[str]: ...
    @property
    def timestamp_keys(self) -> Sequence[str]: ...
    @property
    def partition_columns(self) -> Sequence[str]: ...
    @property
    def features(self) -> Sequence[str]: ...


class TrainingSet(Protocol):
    """Rows with labels, and the look-ups that give them their features."""

    def load_df(self) -> DataFrame:
        """The columns of `df` less label and excluded ones, then features in look-up order, then labels."""


class FeatureStore(Protocol):
    """Feature tables, training sets and models that know their features."""

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
        """Create the table with the columns of `schema` or `df`, and write the rows of `df` when they are given.

        The time-series column must be one of `primary_keys`. A table that exists is returned as it is: nothing is
        written and nothing compared.

        Raises:
            ValueError: No columns given, a key or partition column missing among them, no key beside the time-series
                column, null or duplicate keys in `df`.
        """

    def get_table(self, *, name: str) -> FeatureTable:
        """The description of a feature table; raises when there is none of that name."""

    def read_table(self, *, name: str) -> DataFrame:
        """All rows of a feature table."""

    def write_table(self, *, name: str, df: DataFrame, mode: str = "merge") -> None:
        """Update the rows whose keys exist, insert the others, in one commit; columns new to the table are added.

        Raises:
            ValueError: `mode` is not "merge", a key is null, missing, of another type or there twice, a column
                changes its type, or a time-series table lacks one of its columns in `df`.
        """

    def drop_table(self, *, name: str) -> None:
        """Delete a feature table and its rows for good."""

    def create_training_set(
        self,
        *,
        df: DataFrame,
        feature_lookups: Sequence[FeatureLookup],
        label: str | Sequence[str] | None,
        exclude_columns: str | Sequence[str] = (),
    ) -> TrainingSet:
        """Rows of `df` with the features that were known at each row's time.

        A row without a match, or with a null key, gets nulls; rows that are there twice stay twice. A look-up key may
        be what another look-up puts out. Excluded names that do not exist are ignored. Excluded look-up keys stay in
        the model's specification, marked as such. `label` names one column, several, or none.

        Raises:
            ValueError: A label, key or feature that does not exist, key types that differ, an output name that is
                taken or there twice, a timestamp key that is missing or out of place, a default value of another kind.
            OverflowError: A default value that the feature's integer type cannot hold.
        """

    def log_model(
        self,
        *,
        model: Any,
        artifact_path: str,
        flavor: ModuleType,
        training_set: TrainingSet,
        registered_model_name: str | None = None,
        signature: Any = None,
        input_example: Any = None,
        params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> ModelInfo:
        """Log `model` to the active MLflow run together with its look-ups, so that `score_batch` finds its features.

        `signature` describes the inputs of `model` itself, and must name the columns of `load_df()` without the
        label, in that order. `params` are the parameters that the model's `predict` takes, with their defaults; without
        them those of the signature. Other keyword arguments, such as `pip_requirements`, go to `flavor.save_model`.
        The answer has the version as `registered_model_version` when `registered_model_name` is given.
        """

    def score_batch(
        self,
        *,
        model_uri: str,
        df: DataFrame,
        result_type: str = "double",
        env_manager: str = "local",
        params: Mapping[str, Any] | None = None,
    ) -> DataFrame:
        """Look up the features of a model that `log_model` logged and add the column `prediction`.

        `model_uri` is `models:/name/version`, `models:/name@alias` or `runs:/run/path`. The result has the columns
        of `df`, then the model's features in the order of training, then `prediction` as `result_type` (`double`,
        `float`, `int`, `long`, `boolean`, `string` or an `array<...>` of them). Features that are in `df` are used as
        they are, and not looked up. `params` go to the model's `predict`; `env_manager` other than `local` needs
        Databricks.

        Raises:
            ValueError: `df` has a column `prediction`, or lacks a look-up key or another input of the model; the model
                was not logged by `log_model`.
            MlflowException: `result_type` or `env_manager` is none that there is.
        """
