"""A version of a model as it answers requests: the newest features of each row's keys are looked up, then it predicts.

The columns of a request, what goes before a look-up, and the answer are those of an endpoint of Databricks with an
online store. A request is a small batch: `score_batch` says the same of its rows at the end of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store.defaults import default_value
from mlops_core.adapters.feature_store.look_up import Join, in_order
from mlops_core.adapters.feature_store.model_inputs import as_pandas
from mlops_core.adapters.feature_store.spec import (
    RAW_MODEL,
    FeatureColumn,
    FeatureSpec,
    SourceColumn,
    model_data,
    read_spec,
)
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.serving.newest_rows import FeatureTableCache, LookUpTableError
from mlops_core.adapters.serving.request_columns import RequestError, arrow_type, request_columns

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from mlflow.models import Model
    from mlflow.pyfunc import PyFuncModel


class UnservableError(RuntimeError):
    """A version can't be served: the sentence says why, and what to do."""


@dataclass(frozen=True)
class ServedVersion:
    """What MLflow's scoring server takes for a model; `tables` are shared by all versions of a server."""

    version: ModelVersion
    spec: FeatureSpec
    model: PyFuncModel
    tables: FeatureTableCache

    @property
    def metadata(self) -> Model:
        """Read by MLflow's scoring server."""
        return self.model.metadata

    @cached_property
    def types(self) -> dict[str, str]:
        """The columns that a request can have, with Spark's names of their types."""
        columns: tuple[SourceColumn | FeatureColumn, ...] = (*self.spec.sources, *self.spec.features)
        return {column.name: column.data_type for column in columns}

    @cached_property
    def _joins(self) -> tuple[tuple[Join, dict[str, str]], ...]:
        return tuple(in_order(self.spec.features, self.spec.required_columns))

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {each.name: default_value(each.default, each.data_type) for each in self.spec.features if each.default}

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """What the logged model answers to rows of `spec.required_columns`, and of features that go before look-ups.

        Raises:
            RequestError: `data` is not such rows.
            LookUpTableError: a feature table is gone.
        """
        import pyarrow as pa

        columns = self.features(request_columns(self._rows(data), self.types))
        inputs = pa.table({name: columns[name] for name in self.spec.model_inputs})
        return self.model.predict(as_pandas(inputs), params=dict(params) if params else None)

    def features(self, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """`columns` with the features that they lack, and with default values for nulls, as `score_batch` has them."""
        found = dict(columns)
        for join, outputs in self._joins:
            missing = {output: name for output, name in outputs.items() if output not in columns}
            found |= self._looked_up(join, missing, found) if missing else {}
        return found | {name: found[name].fill_null(value) for name, value in self._defaults.items()}

    def _looked_up(
        self, join: Join, outputs: Mapping[str, str], columns: Mapping[str, pa.Array]
    ) -> dict[str, pa.Array]:
        newest = self.tables.get(join.table_name).find([columns[key] for key in join.lookup_key])
        if gone := [name for name in outputs.values() if name not in newest.column_names]:
            raise LookUpTableError(f"Feature table '{join.table_name}' no longer has {gone}, which the model looks up.")
        return {output: newest[name].combine_chunks() for output, name in outputs.items()}

    def _rows(self, data: Any) -> pd.DataFrame:
        import pandas as pd

        if not isinstance(data, pd.DataFrame):
            raise RequestError("Send the rows as dataframe_records or as dataframe_split, with the names of columns.")
        if not len(data):
            raise RequestError("The request has no row: send one or more.")
        if missing := [name for name in self.spec.required_columns if name not in data.columns]:
            raise RequestError(
                f"The request lacks {', '.join(map(repr, missing))}: a row needs "
                f"{', '.join(self.spec.required_columns)}; features that it does not bring are looked up."
            )
        return data


def served_version(registry: ModelRegistry, version: ModelVersion, tables: FeatureTableCache) -> ServedVersion:
    """Load a version, and the newest rows of the feature tables that it looks up.

    Raises:
        UnservableError: the model does not load, has no specification of its features, or looks up what is not there.
    """
    import mlflow.pyfunc

    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_registry_uri(registry.registry_uri)
    who = f"Version {version.version} of {version.name} can't be served"
    try:
        spec = read_spec(version.uri)
        model = mlflow.pyfunc.load_model(str(model_data(version.uri) / RAW_MODEL))
    except Exception as error:  # a model is made again by whatever library made it, from files that may be damaged
        raise UnservableError(f"{who}, for it does not load: {str(error) or type(error).__name__}") from error
    if unknown := [each.name for each in spec.sources if arrow_type(each.data_type) is None]:
        raise UnservableError(f"{who}: a request can't bring its inputs {unknown}, which are arrays, maps or structs.")
    served = ServedVersion(version, spec, model, tables)
    try:
        for table, names in _looked_up_features(spec).items():
            if gone := names - set(tables.get(table).rows.column_names):
                raise LookUpTableError(f"Feature table '{table}' no longer has {sorted(gone)}.")
    except LookUpTableError as error:
        raise UnservableError(f"{who}: {error}") from error
    return served


def _looked_up_features(spec: FeatureSpec) -> dict[str, set[str]]:
    tables: dict[str, set[str]] = {}
    for feature in spec.features:
        tables.setdefault(feature.table_name, set()).add(feature.feature_name)
    return tables
