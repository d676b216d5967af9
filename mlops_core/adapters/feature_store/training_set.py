"""Training sets of the local feature store: labelled rows, and the specification of their look-ups."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from mlops_core.adapters.feature_store.defaults import default_text
from mlops_core.adapters.feature_store.look_up import ReadTable, TableRows, look_up, planned
from mlops_core.adapters.feature_store.names import check_columns, check_names, repeated, taken
from mlops_core.adapters.feature_store.point_in_time import column
from mlops_core.adapters.feature_store.protocol import PREDICTION_COLUMN
from mlops_core.adapters.feature_store.spec import FeatureColumn, FeatureSpec, SourceColumn
from mlops_core.project.feature_lookup import FeatureLookup

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class LocalTrainingSet:
    """Rows with labels, the specification of their features, and where these are read."""

    df: DataFrame
    spec: FeatureSpec
    labels: tuple[str, ...]
    read: ReadTable

    def load_df(self) -> DataFrame:
        """The columns of `df` less label and excluded ones, then features in look-up order, then labels.

        Every table is read as of one version, the newest when this is called.
        """
        return look_up(self.df, self.spec, self.read).select(*map(column, [*self.spec.model_inputs, *self.labels]))


def build_spec(
    df: DataFrame,
    feature_lookups: Sequence[FeatureLookup],
    labels: Sequence[str],
    exclude_columns: Sequence[str],
    read: ReadTable,
) -> FeatureSpec:
    """The specification of a training set; excluded columns are left out, unless they are look-up keys.

    Raises:
        ValueError: as `FeatureStore.create_training_set` says.
    """
    read = cache(read)
    _check_labels(df.columns, labels, exclude_columns)
    features = [feature for lookup in feature_lookups for feature in _features_of(lookup, read(lookup.table_name))]
    _check_outputs([feature.name for feature in features], df.columns)
    keys = {key for feature in features for key in (*feature.lookup_key, feature.timestamp_lookup_key)}
    types = {name: kind for name, kind in df.dtypes if name not in labels}  # rows to score have no label
    deque(planned(features, types, read), maxlen=0)  # every join is checked
    return FeatureSpec(
        sources=tuple(
            SourceColumn(name, types[name], include=name not in exclude_columns)
            for name in types
            if name not in exclude_columns or name in keys
        ),
        features=tuple(
            replace(feature, include=feature.name not in exclude_columns)
            for feature in features
            if feature.name not in exclude_columns or feature.name in keys
        ),
        lookback_windows=_lookback_windows(feature_lookups),
    )


def _features_of(lookup: FeatureLookup, source: TableRows) -> list[FeatureColumn]:
    types = dict(source.rows.dtypes)
    names = lookup.features or tuple(sorted(set(types) - set(source.table.primary_keys)))
    missing = [name for name in names if name not in types]
    if missing:
        raise ValueError(f"Feature table '{lookup.table_name}' has no feature {missing}; it has {sorted(types)}.")
    defaults = lookup.default_values or {}
    stray = sorted(set(defaults) - {lookup.output_name(name) for name in names})
    if stray:
        raise ValueError(
            f"The look-up in '{lookup.table_name}' has default_values for {stray}, which it does not put out."
        )
    return [
        FeatureColumn(
            name=lookup.output_name(name),
            data_type=types[name],
            table_name=lookup.table_name,
            feature_name=name,
            lookup_key=lookup.keys,
            timestamp_lookup_key=lookup.timestamp_lookup_key,
            default=default_text(lookup.output_name(name), defaults.get(lookup.output_name(name)), types[name]),
        )
        for name in names
    ]


def _check_labels(columns: Sequence[str], labels: Sequence[str], exclude_columns: Sequence[str]) -> None:
    check_columns(columns)
    if twice := repeated(labels):
        raise ValueError(f"The labels {list(labels)} name {twice} twice.")
    for label in labels:
        if label not in columns:
            raise ValueError(f"The label '{label}' is not a column of the DataFrame, which has {columns}.")
        if label in exclude_columns:
            raise ValueError(f"The label '{label}' cannot be excluded: pass label=None for rows without one.")


def _check_outputs(outputs: Sequence[str], columns: Sequence[str]) -> None:
    if twice := repeated(outputs):
        raise ValueError(f"Two look-ups put out the same name {twice}: rename one with rename_outputs.")
    if clashing := taken(outputs, columns):
        raise ValueError(
            f"The DataFrame or the label already has the name {clashing} of a looked-up feature: rename the feature "
            "with rename_outputs, or drop the column."
        )
    if taken([PREDICTION_COLUMN], outputs):
        raise ValueError(f"score_batch adds the column '{PREDICTION_COLUMN}': rename the feature with rename_outputs.")
    check_names(outputs)


def _lookback_windows(lookups: Sequence[FeatureLookup]) -> dict[str, timedelta | None]:
    windows: dict[str, timedelta | None] = {}
    for lookup in lookups:
        if windows.setdefault(lookup.table_name, lookup.lookback_window) != lookup.lookback_window:
            raise ValueError(
                f"The look-ups in '{lookup.table_name}' state different lookback_windows, "
                f"{windows[lookup.table_name]} and {lookup.lookback_window}: state one for all of them."
            )
    return windows
