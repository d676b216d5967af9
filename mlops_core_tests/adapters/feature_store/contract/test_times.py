"""Time-series columns of other types than timestamps: exact at any size, and the label's time comes back as it was."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.contract import stores

BIG = 2**53
FOUND = {
    "ticks": [
        (1, 59, None),
        (1, 60, 1),
        (1, BIG - 1, 1),
        (1, BIG, 2),
        (1, BIG + 1, 2),
        (1, BIG + 2, 3),
        (1, 2**62 - 1, 3),
        (1, 2**62, 4),
        (1, 2**63 - 1, 4),
        (1, -(2**63), None),
        (2, -6, None),
        (2, -5, 5),
    ],
    "halves": [(1, 0.09999999999999999, None), (1, 0.1, 1), (1, 0.3, 1), (1, 2.4999999, 1), (1, 2.5, 2)],
    "days": [(1, date(2016, 1, 4), None), (1, date(2016, 1, 6), 1), (1, date(2016, 1, 7), 2)],
}
KIND = {"ticks": "bigint", "halves": "double", "days": "date"}


def found(store: FeatureStore, table: str, times: list[tuple], **arguments: Any) -> list[tuple]:
    labels = stores.frame(stores.session(store), {"zip": "int", "at": KIND[table]}, times)
    look_up = FeatureLookup(table, "zip", timestamp_lookup_key="at", **arguments)
    rows = store.create_training_set(df=labels, feature_lookups=[look_up], label=None).load_df()
    if table == "days":  # dbl-tempo makes timestamps of dates
        rows = rows.selectExpr("zip", "CAST(at AS DATE) AS at", "v")
    return sorted((tuple(row) for row in rows.collect()), key=repr)


@pytest.mark.parametrize("table", FOUND)
def test_the_newest_row_that_is_not_later(store: FeatureStore, table: str) -> None:
    asked = [row[:2] for row in FOUND[table]]
    assert found(store, table, asked) == sorted(FOUND[table], key=repr)


def test_a_look_back_of_zero_is_an_exact_match(store: FeatureStore) -> None:
    rows = [(1, BIG + 1, None), (1, BIG + 2, 3)]
    assert found(store, "ticks", [row[:2] for row in rows], lookback_window=timedelta(0)) == rows


def test_a_look_back_counts_numbers_as_seconds(request: pytest.FixtureRequest, store: FeatureStore) -> None:
    if request.node.callspec.params["store"] == "native join":
        pytest.skip("Spark's unix_timestamp, with which this join measures the age, takes no number")
    rows = [(1, 60, 1), (1, 70, 1), (1, 71, None)]
    assert found(store, "ticks", [row[:2] for row in rows], lookback_window=timedelta(seconds=10)) == rows
