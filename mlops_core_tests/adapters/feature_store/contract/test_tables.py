"""Creating and writing feature tables: what both stores refuse, and what they leave as it is.

Databricks' client adds constraints and columns by SQL that Sail lacks, and merges by delta-spark: rows that it writes
cannot be seen here.
"""

from __future__ import annotations

from typing import Any

import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core_tests.adapters.feature_store.contract import stores
from mlops_core_tests.adapters.feature_store.contract.cases import PICKUPS, TABLES

KEYS = {"primary_keys": ["zip", "ts"], "timeseries_column": "ts"}
NEW = [(9, 60, 1, 1.0)]


def rows(store: FeatureStore, values: list[tuple], **more: str) -> Any:
    return stores.frame(stores.session(store), PICKUPS | more, values)


def keys_of(table: Any) -> tuple[set[str], list[str]]:
    """A table's keys without its time, and its time: Databricks' client may name the time among both."""
    return set(table.primary_keys) - set(table.timestamp_keys), list(table.timestamp_keys)


def test_creating_a_table_that_exists_returns_it_and_writes_nothing(store: FeatureStore) -> None:
    before = stores.content(store, "pickups")
    table = store.create_table(name="pickups", df=rows(store, NEW), **KEYS)
    assert keys_of(table) == ({"zip"}, ["ts"])
    assert stores.content(store, "pickups") == before
    assert len(before) == len(TABLES["pickups"][3])


def test_a_table_is_described_by_its_keys(store: FeatureStore) -> None:
    assert keys_of(store.get_table(name="pickups")) == ({"zip"}, ["ts"])
    table = store.get_table(name="zones")
    assert keys_of(table) == ({"zip"}, [])
    assert sorted(table.features) == ["borough", "zip"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"primary_keys": ["zip"], "timeseries_column": "ts"},
        {"primary_keys": ["zip", "area"]},
        {"primary_keys": ["zip", "zip"]},
        {"primary_keys": ["zip"], "partition_columns": ["day"]},
        {"primary_keys": ["zip"], "df": None},
    ],
    ids=["time is no key", "key is no column", "key twice", "partition is no column", "no columns"],
)
def test_tables_that_cannot_be_are_refused(store: FeatureStore, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        store.create_table(**{"name": "others", "df": rows(store, NEW)} | arguments)


@pytest.mark.parametrize("mode", ["append", "overwrite", "complete"])
def test_rows_are_merged_and_nothing_else(store: FeatureStore, mode: str) -> None:
    before = stores.content(store, "pickups")
    with pytest.raises(ValueError):
        store.write_table(name="pickups", df=rows(store, NEW), mode=mode)
    assert stores.content(store, "pickups") == before
