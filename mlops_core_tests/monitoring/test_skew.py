"""Training-serving skew: what served against what is looked up today, by hand on six predictions and by pandas."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.feature_store.served import features_alike, look_up_again
from mlops_core.adapters.feature_store.spec import FeatureSpec
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.tables import LocalTables
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.monitoring.skew import BATCH, SERVED, Skew, skew_of
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.flights.project import PROJECT as FLIGHTS

NOON, HOUR = datetime(2016, 1, 2, 12), timedelta(hours=1)
TIME = pa.timestamp("us", tz="UTC")
DAY = date(2016, 1, 2)
LEVELS = pa.schema([("zip", pa.int32()), ("ts", TIME), ("level", pa.float32()), ("trips", pa.int32())])
NAMES = pa.schema([("place", pa.int32()), ("borough", pa.string()), ("rank", pa.int64())])
LOOKUPS = [
    FeatureLookup(
        "levels",
        "zip",
        feature_names=["level", "trips"],
        rename_outputs={"trips": "trips_before"},
        timestamp_lookup_key="pickup",
        lookback_window=24 * HOUR,
        default_values={"trips_before": 0},
    ),
    FeatureLookup("names", "zip", feature_names=["borough", "rank"]),
]
PREDICTIONS = pa.schema(
    [
        *(("zip", pa.int32()), ("pickup", TIME), ("level", pa.float32()), ("trips_before", pa.int32())),
        *(("borough", pa.string()), ("rank", pa.int64()), ("day", pa.date32())),
        *(("model_name", pa.string()), ("model_version", pa.int32())),
    ]
)
BY = (DAY, "fare_model", 1)


@pytest.fixture
def store(tables: LocalTables, tmp_path: Path) -> LocalFeatureStore:
    """Two zips with a row at noon, the second also one of the day before; a static table."""
    made = LocalFeatureStore(tables, ModelRegistry("fare_model", "fares", "unused", "unused", "", tmp_path))
    levels = [(1, NOON, 2.5, 3), (2, NOON - 25 * HOUR, 9.0, 9), (2, NOON, None, 4)]
    keys = {"levels": ["zip", "ts"], "names": ["place"]}
    for name, schema, rows in (("levels", LEVELS, levels), ("names", NAMES, [(1, "Queens", 7), (2, None, 8)])):
        time = {"timeseries_column": "ts"} if "ts" in keys[name] else {}
        made.create_table(
            name=name, primary_keys=keys[name], df=frame(tables.spark.spark_session, rows, schema), **time
        )
    return made


def frame(spark: SparkSession, rows: list[tuple], schema: pa.Schema) -> DataFrame:
    records = [dict(zip(schema.names, row, strict=True)) for row in rows]
    return spark.createDataFrame(pa.Table.from_pylist(records, schema))


def spec(store: LocalFeatureStore) -> FeatureSpec:
    asked = frame(store.tables.spark.spark_session, [(1, NOON)], pa.schema(list(PREDICTIONS)[:2]))
    return store.create_training_set(df=asked, feature_lookups=LOOKUPS, label=None).spec


def skew(store: LocalFeatureStore, rows: list[tuple], of: FeatureSpec | None = None) -> Skew:
    served = frame(store.tables.spark.spark_session, rows, PREDICTIONS)
    found = look_up_again(store, of or spec(store), served, BATCH, SERVED)
    batches = skew_of(found.rows, found.features, frozenset({"rank"})) if found.rows is not None else []
    return Skew(batches, [f"{name}: {why}" for name, why in found.gone.items()])


def test_predictions_with_the_features_of_today_have_no_skew(store: LocalFeatureStore) -> None:
    later = NOON + HOUR
    same = [
        (1, later, 2.5000001, 3, "Queens", 7, *BY),
        (2, later, None, 4, None, 8, *BY),
        (2, NOON - 2 * HOUR, 9.0, 9, None, 8, *BY),  # 23 hours after the row before
        (2, NOON - 0.9 * HOUR, None, 0, None, 8, *BY),  # 24.1 hours after it
        (None, later, None, 0, None, None, *BY),
        (3, later, None, 0, None, None, *BY),
    ]
    found = skew(store, same)
    assert (found.compared, found.share, found.unknown) == (6, 0.0, [])
    assert found.verdict(0.0)[0]


def test_each_way_to_differ_is_counted_and_sized(store: LocalFeatureStore) -> None:
    later, other = NOON + HOUR, (DAY - timedelta(days=1), "fare_model", 2)
    rows = [
        (1, later, 2.0, 3, "Queens", 7, *BY),  # by 0.5
        (1, later, None, 1, "Queens", 9, *BY),  # was null; by 2 trips; another rank, whose size says nothing
        (2, later, 1.0, 4, "Bronx", 8, *BY),  # is null today; a borough that is gone
        (1, later, 2.5, 3, "Queens", 7, *BY),
        (1, later, math.nan, 3, "queens", 7, *other),
        (1, later, 2.5, 3, "Queens", 7, *other),
    ]
    found = skew(store, rows)
    first, second = found.batches
    assert (first.day, first.model_version, first.compared, first.differing) == (other[0], 2, 2, 1)
    assert (second.compared, second.differing) == (4, 3)
    level, trips, rank = (second.features[name] for name in ("level", "trips_before", "rank"))
    assert (level.differing, level.one_null, level.measured, level.total, level.largest) == (3, 2, 1, 0.5, 0.5)
    assert (trips.differing, trips.one_null, trips.total, trips.largest) == (1, 0, 2.0, 2.0)
    assert (rank.differing, rank.measured) == (1, 0)
    assert second.features["borough"].differing == first.features["level"].differing == 1

    table = found.table({"level": "USD"}).set_index("feature")
    assert list(table.index) == ["level", "borough", "trips_before", "rank"]
    assert table.share["level"] == pytest.approx(4 / 6) and table.unit["level"] == "USD"
    assert table.worst_day["level"] == str(DAY)
    passed, reason = found.verdict(0.5)
    assert not passed
    assert "by more than 50%: level differs in 75% of the 4 predictions of 2016-01-02 by version 1" in reason
    assert "2016-01-01" not in reason
    assert found.verdict(0.75)[0]


@pytest.mark.parametrize("served", [math.inf, -math.inf])
def test_an_infinite_value_is_another_than_a_finite_one(store: LocalFeatureStore, served: float) -> None:
    (found,) = skew(store, [(1, NOON + HOUR, served, 3, "Queens", 7, *BY)]).batches
    assert (found.compared, found.features["level"].differing) == (1, 1)


def test_what_cannot_be_compared_is_named_and_fails(store: LocalFeatureStore) -> None:
    row = (1, NOON + HOUR, 2.5, 3, "Queens", 7, *BY)
    known = spec(store)
    store.tables.replace(
        "names", frame(store.tables.spark.spark_session, [(1, 7)], pa.schema(NAMES.field(n) for n in (0, 2)))
    )
    found = skew(store, [row], known)
    assert found.unknown == ["borough: the feature table test.names no longer has borough"]
    assert set(found.batches[0].features) == {"level", "trips_before", "rank"}
    passed, reason = found.verdict(1.0)
    assert not passed and "borough" in reason

    store.drop_table(name="names")
    assert "rank: the feature table test.names can't be read" in "\n".join(skew(store, [row], known).unknown)
    store.drop_table(name="levels")
    nothing = skew(store, [row], known)
    assert (len(nothing.unknown), nothing.compared, nothing.verdict(1.0)[0]) == (4, 0, False)


def test_a_feature_that_was_not_stored_or_has_another_type_today_is_named(store: LocalFeatureStore) -> None:
    known, session = spec(store), store.tables.spark.spark_session
    stored = frame(session, [(1, NOON + HOUR, 2.5, 3, "Queens", 7, *BY)], PREDICTIONS)
    found = look_up_again(store, known, stored.drop("level").withColumn("rank", stored["borough"]), BATCH, SERVED)
    assert found.gone == {
        "level": "the predictions lack it",
        "rank": "it is bigint in test.names, and was served as string",
    }
    assert found.features == ("trips_before", "borough")
    without_key = look_up_again(store, known, stored.drop("zip"), BATCH, SERVED)
    assert set(without_key.gone.values()) == {"the predictions lack zip, by which it is looked up"}
    assert (without_key.rows, len(without_key.gone)) == (None, 4)


def test_many_random_changes_are_those_that_pandas_counts(store: LocalFeatureStore) -> None:
    random = pd.Series(range(2_000)).sample(frac=1, random_state=0)
    rows = pd.DataFrame({"level": 2.5, "trips_before": 3}, index=range(2_000)).astype({"level": "float32"})
    rows.loc[random[:300], "level"] = 2.5 + (random[:300] % 5).to_numpy()
    rows.loc[random[200:600], "trips_before"] = 3 - (random[200:600] % 3).to_numpy()
    days = [DAY - timedelta(days=number % 7) for number in range(2_000)]
    made = [
        (1, NOON + HOUR, level, trips, "Queens", 7, day, "fare_model", 1)
        for level, trips, day in zip(rows.level.tolist(), rows.trips_before.tolist(), days, strict=True)
    ]
    found = skew(store, made)
    away = pd.DataFrame({"level": (rows.level - 2.5).abs(), "trips": (rows.trips_before - 3).abs(), "day": days})
    for batch in found.batches:
        expected = away[away.day == batch.day]
        level = batch.features["level"]
        assert (level.differing, level.total, level.largest) == (
            *((expected.level > 0).sum(), pytest.approx(expected.level.sum()), expected.level.max()),
        )
        assert batch.features["trips_before"].differing == (expected.trips > 0).sum()
        assert batch.differing == ((expected.level > 0) | (expected.trips > 0)).sum()
    assert len(found.batches) == 7


def test_a_feature_is_alike_only_when_it_is_looked_up_in_the_same_way(store: LocalFeatureStore) -> None:
    known, (levels, names) = spec(store), LOOKUPS
    assert features_alike(known, LOOKUPS) == {"level", "trips_before", "borough", "rank"}
    assert features_alike(known, [replace(levels, lookback_window=HOUR), names]) == {"borough", "rank"}
    assert features_alike(known, [replace(levels, default_values={"trips_before": 1})]) == {"level"}
    swapped = {"trips": "level", "level": "trips_before"}
    assert features_alike(known, [replace(levels, rename_outputs=swapped, default_values=None)]) == set()
    assert features_alike(known, [replace(names, lookup_key="other")]) == set()


def test_a_model_that_looks_nothing_up_has_no_such_check() -> None:
    project = replace(FLIGHTS, feature_tables=())
    nodes = {}
    for each in (FLIGHTS, project):
        definitions = definitions_of(each, load_target(each, "local", environ={}))
        for job in ("batch_inference_job", "monitoring_job"):
            names = [node.name for node in definitions.resolve_job_def(each.named(job)).graph.nodes]
            nodes[each is project, job] = sum("features_are_as_served" in name for name in names)
    assert nodes == {
        (False, "batch_inference_job"): 0,
        (False, "monitoring_job"): 1,
        (True, "batch_inference_job"): 0,
        (True, "monitoring_job"): 0,
    }
