"""Looking features up: a specification's columns, joined to the rows that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from my_mlops_stacks.adapters.feature_store.defaults import default_value
from my_mlops_stacks.adapters.feature_store.point_in_time import Match, column, point_in_time_join
from my_mlops_stacks.adapters.feature_store.registry import LocalFeatureTable
from my_mlops_stacks.adapters.feature_store.spec import FeatureColumn, FeatureSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class TableRows:
    """A feature table's description and its rows as of one version."""

    table: LocalFeatureTable
    rows: DataFrame


ReadTable = Callable[[str], TableRows]


@dataclass(frozen=True)
class Join:
    """What the features of one join have in common: their table, and the columns by which they are looked up."""

    table_name: str
    lookup_key: tuple[str, ...]
    time_key: str | None


def look_up(df: DataFrame, spec: FeatureSpec, read: ReadTable) -> DataFrame:
    """`df` with the features that it does not have yet; default values fill nulls also where `df` had the feature."""
    missing = [feature for feature in spec.features if feature.name not in df.columns]
    read, joined = cache(read), df  # one version of a table for all its look-ups
    for join, outputs in joins(missing).items():
        source = read(join.table_name)
        check_keys(df, join, source)
        _check_features(outputs, join, source)
        joined = _joined(joined, join, source, outputs, spec.lookback_windows.get(join.table_name))
    defaults = {f.name: default_value(f.default, f.data_type) for f in spec.features if f.default is not None}
    return joined.fillna(defaults) if defaults else joined


def joins(features: Iterable[FeatureColumn]) -> dict[Join, dict[str, str]]:
    """One join for all features of a table with the same keys, with its features: output name -> feature name."""
    found: dict[Join, dict[str, str]] = {}
    for feature in features:
        join = Join(feature.table_name, feature.lookup_key, feature.timestamp_lookup_key)
        found.setdefault(join, {})[feature.name] = feature.feature_name
    return found


def check_keys(df: DataFrame, join: Join, source: TableRows) -> None:
    """Refuse look-up keys that are missing, too many or too few, or of other types than the table's.

    Raises:
        ValueError: says which key, and what to do.
    """
    table, name = source.table, join.table_name
    if join.time_key is None and table.timestamp_keys:
        raise ValueError(f"'{name}' is a time-series table: its look-ups need a timestamp_lookup_key.")
    if join.time_key is not None and not table.timestamp_keys:
        raise ValueError(f"'{name}' has no time-series column: its look-ups take no timestamp_lookup_key.")
    if len(join.lookup_key) != len(table.primary_keys):
        raise ValueError(
            f"'{name}' has the primary keys {list(table.primary_keys)}; the look-up key {list(join.lookup_key)} must "
            "name one column for each."
        )
    types, table_types = dict(df.dtypes), dict(source.rows.dtypes)
    asked = (*join.lookup_key, join.time_key) if join.time_key else join.lookup_key
    for ours, theirs in zip(asked, table.keys, strict=True):
        if ours not in types:
            raise ValueError(f"The look-up key '{ours}' of '{name}' is not a column of the DataFrame.")
        if types[ours] != table_types[theirs]:
            raise ValueError(
                f"The look-up key '{ours}' is {types[ours]}, but '{theirs}' of '{name}' is {table_types[theirs]}: "
                "cast one of them."
            )


def _check_features(outputs: Mapping[str, str], join: Join, source: TableRows) -> None:
    gone = [name for name in outputs.values() if name not in source.rows.columns]
    if gone:
        raise ValueError(
            f"Feature table '{join.table_name}' no longer has {gone}, which the model looks up; it has "
            f"{source.rows.columns}. Bring the column back, or train a model that does without."
        )


def _joined(
    df: DataFrame, join: Join, source: TableRows, outputs: Mapping[str, str], lookback: timedelta | None
) -> DataFrame:
    table = source.table
    if join.time_key is not None:
        match = Match(join.lookup_key, table.primary_keys, join.time_key, table.timestamp_keys[0], lookback)
        return point_in_time_join(df, source.rows, match, outputs)
    keys = {f"__key_{i}": key for i, key in enumerate(table.primary_keys)}
    payload = source.rows.select(*(column(name).alias(output) for output, name in (keys | dict(outputs)).items()))
    same = [column(ours) == column(theirs) for ours, theirs in zip(join.lookup_key, keys, strict=True)]
    return df.join(payload, same, "left").drop(*keys)
