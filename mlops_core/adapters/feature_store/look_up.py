"""Looking features up: a specification's columns, joined to the rows that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from mlops_core.adapters.feature_store.defaults import default_value
from mlops_core.adapters.feature_store.moments import moments_of
from mlops_core.adapters.feature_store.point_in_time import KEY, Match, column, point_in_time_join
from mlops_core.adapters.feature_store.registry import LocalFeatureTable
from mlops_core.adapters.feature_store.spec import FeatureColumn, FeatureSpec

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


def look_up(df: DataFrame, spec: FeatureSpec, read: ReadTable, *, keep_timeless: bool = False) -> DataFrame:
    """`df` with the features that it does not have yet; default values fill nulls also where `df` had the feature.

    A row without the time by which it looks up raises when the rows are computed, or gets nulls when `keep_timeless`.
    """
    missing = [feature for feature in spec.features if feature.name not in df.columns]
    joined = df
    for join, outputs, source in planned(missing, dict(df.dtypes), read):
        lookback = spec.lookback_windows.get(join.table_name)
        joined = _joined(joined, join, source, outputs, lookback=lookback, keep_timeless=keep_timeless)
    defaults = {f.name: default_value(f.default, f.data_type) for f in spec.features if f.default}
    return joined.fillna(defaults) if defaults else joined


def planned(
    features: Iterable[FeatureColumn], types: Mapping[str, str], read: ReadTable
) -> Iterator[tuple[Join, dict[str, str], TableRows]]:
    """The joins that put out `features`, with their outputs and rows, each after those whose outputs are its keys.

    Args:
        types: the columns of the DataFrame that looks up, and their types.

    Raises:
        ValueError: a key is missing or of another type than the table's, or a feature is gone.
    """
    read, known = cache(read), dict(types)  # one version of a table for all its look-ups
    for join, outputs in in_order(features, known):
        source = read(join.table_name)
        _check_time_key(types, join, source)
        _check_keys(known, join, source)
        _check_features(outputs, join, source)
        theirs = dict(source.rows.dtypes)
        known |= {output: theirs[name] for output, name in outputs.items()}
        yield join, outputs, source


def in_order(features: Iterable[FeatureColumn], columns: Iterable[str]) -> Iterator[tuple[Join, dict[str, str]]]:
    """The joins that put out `features`, with their outputs, each after those whose outputs are its keys.

    Raises:
        ValueError: a key is neither among `columns` nor put out by another join.
    """
    known, waiting = set(columns), joins(features)
    while waiting:
        ready = [join for join in waiting if known.issuperset(join.lookup_key)]
        if not ready:
            raise _keyless(waiting, known)
        for join in ready:
            outputs = waiting.pop(join)
            known.update(outputs)
            yield join, outputs


def joins(features: Iterable[FeatureColumn]) -> dict[Join, dict[str, str]]:
    """One join for all features of a table with the same keys, with its features: output name -> feature name."""
    found: dict[Join, dict[str, str]] = {}
    for feature in features:
        join = Join(feature.table_name, feature.lookup_key, feature.timestamp_lookup_key)
        found.setdefault(join, {})[feature.name] = feature.feature_name
    return found


def _keyless(waiting: Iterable[Join], known: Container[str]) -> ValueError:
    join = next(iter(waiting))
    key = next(key for key in join.lookup_key if key not in known)
    return ValueError(
        f"The look-up key '{key}' of '{join.table_name}' is not a column of the DataFrame, nor the output of a look-up "
        "that can come before."
    )


def _check_time_key(types: Mapping[str, str], join: Join, source: TableRows) -> None:
    table, name = source.table, join.table_name
    if join.time_key is None and table.timestamp_keys:
        raise ValueError(f"'{name}' is a time-series table: its look-ups need a timestamp_lookup_key.")
    if join.time_key is not None and not table.timestamp_keys:
        raise ValueError(f"'{name}' has no time-series column: its look-ups take no timestamp_lookup_key.")
    if join.time_key is not None and join.time_key not in types:
        raise ValueError(f"The look-up key '{join.time_key}' of '{name}' is not a column of the DataFrame.")
    for time in table.timestamp_keys:
        moments_of(time, source.rows.schema[time].dataType)


def _check_keys(types: Mapping[str, str], join: Join, source: TableRows) -> None:
    table, name = source.table, join.table_name
    if len(join.lookup_key) != len(table.entity_keys):
        raise ValueError(
            f"'{name}' has the primary keys {list(table.entity_keys)}; the look-up key {list(join.lookup_key)} must "
            "name one column for each."
        )
    table_types = dict(source.rows.dtypes)
    asked = (*join.lookup_key, join.time_key) if join.time_key else join.lookup_key
    for ours, theirs in zip(asked, table.primary_keys, strict=True):
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
    df: DataFrame,
    join: Join,
    source: TableRows,
    outputs: Mapping[str, str],
    *,
    lookback: timedelta | None,
    keep_timeless: bool,
) -> DataFrame:
    table = source.table
    if join.time_key is not None:
        times = join.time_key, table.timestamp_keys[0]
        match = Match(join.lookup_key, table.entity_keys, *times, lookback, keep_timeless)
        return point_in_time_join(df, source.rows, match, outputs)
    keys = {KEY.format(i): key for i, key in enumerate(table.entity_keys)}
    payload = source.rows.select(*(column(name).alias(output) for output, name in (keys | dict(outputs)).items()))
    same = [column(ours) == column(theirs) for ours, theirs in zip(join.lookup_key, keys, strict=True)]
    return df.join(payload, same, "left").drop(*keys)
