"""The local twin's training sets: labelled rows, and the specification that their look-ups amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from my_mlops_stacks.adapters.feature_store.defaults import default_text
from my_mlops_stacks.adapters.feature_store.look_up import ReadTable, TableRows, check_keys, joins, look_up
from my_mlops_stacks.adapters.feature_store.names import check_columns, check_reserved, repeated, taken
from my_mlops_stacks.adapters.feature_store.point_in_time import column
from my_mlops_stacks.adapters.feature_store.spec import FeatureColumn, FeatureSpec, SourceColumn
from my_mlops_stacks.training.feature_lookup import FeatureLookup

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class LocalTrainingSet:
    """Rows with labels, the specification of their features, and where these are read."""

    df: DataFrame
    spec: FeatureSpec
    label: str | None
    read: ReadTable

    def load_df(self) -> DataFrame:
        """The columns of `df` less label and excluded ones, then features in look-up order, then the label.

        Every table is read as of one version, the newest when this is called.
        """
        labels = [self.label] if self.label else []
        return look_up(self.df, self.spec, self.read).select(*map(column, [*self.spec.model_inputs, *labels]))


def build_spec(
    df: DataFrame,
    feature_lookups: Sequence[FeatureLookup],
    label: str | None,
    exclude_columns: Sequence[str],
    read: ReadTable,
) -> FeatureSpec:
    """The specification of a training set; excluded columns are left out, unless they are look-up keys.

    Raises:
        ValueError: as `FeatureStore.create_training_set` says.
    """
    read, columns = cache(read), df.columns
    _check_label(columns, label, exclude_columns)
    features = [feature for lookup in feature_lookups for feature in _features_of(lookup, read(lookup.table_name))]
    _check_outputs([feature.name for feature in features], columns)
    keys = {key for feature in features for key in (*feature.lookup_key, feature.timestamp_lookup_key)}
    types = dict(df.dtypes)
    spec = FeatureSpec(
        sources=tuple(
            SourceColumn(name, types[name], include=name not in exclude_columns)
            for name in columns
            if name != label and (name not in exclude_columns or name in keys)
        ),
        features=tuple(feature for feature in features if feature.name not in exclude_columns),
        lookback_windows=_lookback_windows(feature_lookups),
    )
    unlabelled = df.drop(label) if label else df  # rows to score have no label to look anything up by
    for join in joins(features):
        check_keys(unlabelled, join, read(join.table_name))
    return spec


def _features_of(lookup: FeatureLookup, source: TableRows) -> list[FeatureColumn]:
    types = dict(source.rows.dtypes)
    names = lookup.features or tuple(sorted(set(types) - set(source.table.keys)))
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


def _check_label(columns: Sequence[str], label: str | None, exclude_columns: Sequence[str]) -> None:
    check_columns(columns)
    if label is not None and label not in columns:
        raise ValueError(f"The label '{label}' is not a column of the DataFrame, which has {columns}.")
    if label is not None and label in exclude_columns:
        raise ValueError(f"The label '{label}' cannot be excluded: pass label=None for rows without one.")


def _check_outputs(outputs: Sequence[str], columns: Sequence[str]) -> None:
    if twice := repeated(outputs):
        raise ValueError(f"Two look-ups put out the same name {twice}: rename one with rename_outputs.")
    if clashing := taken(outputs, columns):
        raise ValueError(
            f"The DataFrame or the label already has the name {clashing} of a looked-up feature: rename the feature "
            "with rename_outputs, or drop the column."
        )
    check_reserved(outputs)


def _lookback_windows(lookups: Sequence[FeatureLookup]) -> dict[str, timedelta | None]:
    windows: dict[str, timedelta | None] = {}
    for lookup in lookups:
        if windows.setdefault(lookup.table_name, lookup.lookback_window) != lookup.lookback_window:
            raise ValueError(
                f"The look-ups in '{lookup.table_name}' state different lookback_windows, "
                f"{windows[lookup.table_name]} and {lookup.lookback_window}: state one for all of them."
            )
    return windows
