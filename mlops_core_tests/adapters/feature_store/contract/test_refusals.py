"""What both stores refuse by the type of its error: names, types of columns, and arguments that are something else."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import DataFrame

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.contract import stores

ZONE = FeatureLookup("zones", "zip")


def labels(store: FeatureStore, *more: str) -> DataFrame:
    rows = stores.frame(stores.session(store), {"zip": "int", "borough": "string"}, [(1, "Queens")])
    return rows.selectExpr("zip", *more)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "zones ", "a.b.c.d", ".zones"])
def test_no_table_has_such_a_name(store: FeatureStore, name: str) -> None:
    with pytest.raises(ValueError):
        store.get_table(name=name)
    with pytest.raises(ValueError):
        store.create_table(name=name, primary_keys="zip", df=labels(store))


@pytest.mark.parametrize("name", [None, 3])
def test_a_name_is_a_text(store: FeatureStore, name: Any) -> None:
    with pytest.raises(TypeError):
        store.read_table(name=name)


def test_a_table_that_is_not_there(store: FeatureStore) -> None:
    for call in (store.get_table, store.read_table, store.drop_table):
        with pytest.raises(ValueError):
            call(name="nothing")
    with pytest.raises(ValueError):
        store.write_table(name="nothing", df=labels(store))


def test_schema_and_table_are_a_name(store: FeatureStore) -> None:
    assert set(store.get_table(name="contract.zones").primary_keys) == {"zip"}


@pytest.mark.parametrize("kind", ["TINYINT", "TIMESTAMP_NTZ", "VOID", "INTERVAL DAY"])
def test_types_that_no_feature_table_has(store: FeatureStore, kind: str) -> None:
    rows = labels(store, "borough", f"CAST(NULL AS {kind}) AS v")
    with pytest.raises(ValueError):
        store.create_table(name="others", primary_keys="zip", df=rows)
    with pytest.raises(ValueError):
        store.write_table(name="zones", df=rows)


def test_only_spark_frames_are_taken(store: FeatureStore) -> None:
    frame = labels(store).toPandas()
    with pytest.raises(ValueError):
        store.create_table(name="others", primary_keys="zip", df=frame)
    with pytest.raises(ValueError):
        store.write_table(name="zones", df=frame)
    with pytest.raises(ValueError):
        store.create_training_set(df=frame, feature_lookups=[ZONE], label=None)


@pytest.mark.parametrize("look_ups", [None, ["zones"], [None]])
def test_only_look_ups_are_taken(store: FeatureStore, look_ups: Any) -> None:
    with pytest.raises(TypeError):
        store.create_training_set(df=labels(store), feature_lookups=look_ups, label=None)


@pytest.mark.parametrize("role", ["input", "label", "key", "output"])
def test_a_column_whose_name_has_a_dot(store: FeatureStore, role: str) -> None:
    """Databricks' client takes it for a field of a struct. So it takes a backtick, which Sail is more lenient about."""
    rows = labels(store, "zip AS `a.b`")
    arguments: dict[str, Any] = {"df": rows if role != "output" else labels(store), "label": None}
    arguments |= {"label": "a.b"} if role == "label" else {}
    key = "a.b" if role == "key" else "zip"
    renamed = {"borough": "a.b"} if role == "output" else None
    with pytest.raises(Exception):  # noqa: B017 - ours is a ValueError, theirs is Spark's
        store.create_training_set(
            feature_lookups=[FeatureLookup("zones", key, rename_outputs=renamed)], **arguments
        ).load_df().collect()
