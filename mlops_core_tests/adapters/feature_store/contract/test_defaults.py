"""Default values: what each type of feature takes, and what fills its nulls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.contract import stores

BIG = 2**53 + 1


def filled(store: FeatureStore, feature: str, default: Any) -> Any:
    look_up = FeatureLookup("kinds", "zip", feature_names=feature, default_values={feature: default})
    labels = stores.frame(stores.session(store), {"zip": "int"}, [(1,)])
    rows = store.create_training_set(df=labels, feature_lookups=[look_up], label=None).load_df()
    return rows.collect()[0][feature]


@pytest.mark.parametrize(
    ("feature", "default", "value"),
    [
        *[(feature, 0, 0) for feature in "silfd"],
        *[(feature, "3", 3) for feature in "silfd"],
        ("l", BIG, BIG),
        ("f", 1.5, 1.5),
        ("d", 1.5, 1.5),
        ("i", np.int64(4), 4),
        ("l", np.int32(4), 4),
        ("f", np.float32(0.5), 0.5),
        ("d", np.float64(2.5), 2.5),
        ("t", "y", "y"),
        ("t", 1, "1"),
        ("b", True, True),
        ("b", False, False),
        ("b", "true", True),
    ],
)
def test_a_null_is_filled(store: FeatureStore, feature: str, default: Any, value: Any) -> None:
    """An integer fills an integer also on Spark Connect, where Databricks' client by itself would fail."""
    found = filled(store, feature, default)
    assert (type(found), found) == (type(value) if feature not in "fd" else float, value)


@pytest.mark.parametrize(
    ("feature", "default"),
    [
        ("i", 0.0),
        ("s", "1.0"),
        ("i", True),
        ("i", "x"),
        ("d", "x"),
        ("d", True),
        ("b", np.bool_(True)),
        ("d", object()),
    ],
)
def test_a_value_of_another_kind_is_refused(store: FeatureStore, feature: str, default: Any) -> None:
    with pytest.raises(ValueError):
        filled(store, feature, default)


@pytest.mark.parametrize(
    ("feature", "default"),
    [("s", 2**15), ("s", -(2**15) - 1), ("i", 2**31), ("i", -(2**31) - 1), ("l", 2**63), ("l", "9223372036854775808")],
)
def test_an_integer_out_of_range_is_refused(store: FeatureStore, feature: str, default: Any) -> None:
    with pytest.raises(OverflowError):
        filled(store, feature, default)


@pytest.mark.parametrize(("feature", "default"), [("s", 2**15 - 1), ("i", -(2**31)), ("l", 2**63 - 1)])
def test_the_ends_of_the_range_are_taken(store: FeatureStore, feature: str, default: int) -> None:
    assert filled(store, feature, default) == default
