"""Feature tables of the local twin: creating, merging, and two writers at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from mlops_core.adapters.feature_store.local import FeatureTableNotFoundError, LocalFeatureStore
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core_tests.adapters.feature_store.conftest import TIME

NOON, HOUR = datetime(2016, 1, 1, 12), timedelta(hours=1)
SCHEMA = pa.schema([("zip", pa.int32()), ("ts", TIME), ("count", pa.int32())])
KEYS = {"primary_keys": ["zip", "ts"], "timeseries_column": "ts"}


@pytest.fixture
def counts(store, make_frame) -> LocalFeatureStore:
    store.create_table(name="counts", df=make_frame([(1, NOON, 1), (2, NOON, 2)], SCHEMA), description="Trips", **KEYS)
    return store


def content(store: LocalFeatureStore, *columns: str) -> list[tuple]:
    table = store.read_table(name="counts").select("zip", "count", *columns)
    return sorted((tuple(row) for row in table.collect()), key=str)


def test_a_table_is_created_with_its_rows_and_described(counts):
    table = counts.get_table(name="test.counts")
    assert (table.name, table.description) == ("counts", "Trips")
    assert (table.primary_keys, table.timestamp_keys) == (("zip", "ts"), ("ts",))
    assert table.features == ("zip", "ts", "count")
    assert content(counts) == [(1, 1), (2, 2)]


def test_a_second_process_knows_the_table(counts, registry):
    other = LocalFeatureStore(LocalTables(LocalSpark(counts.tables.spark.warehouse, "test")), registry)
    assert other.get_table(name="counts") == counts.get_table(name="counts")
    assert content(other) == [(1, 1), (2, 2)]


def test_creating_an_existing_table_writes_nothing(counts, make_frame):
    table = counts.create_table(name="counts", primary_keys="zip", df=make_frame([(9, NOON, 9)], SCHEMA))
    assert table.primary_keys == ("zip", "ts")
    assert table.timestamp_keys == ("ts",)
    assert content(counts) == [(1, 1), (2, 2)]


def test_a_schema_alone_makes_an_empty_partitioned_table(store, make_frame):
    schema = make_frame([], SCHEMA).schema
    table = store.create_table(name="counts", schema=schema, partition_columns="zip", **KEYS)
    assert table.partition_columns == ("zip",)
    store.write_table(name="counts", df=make_frame([(1, NOON, 1)], SCHEMA))
    assert content(store) == [(1, 1)]
    assert (store.tables.folder("counts") / "zip=1").is_dir()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"primary_keys": ["zip"], "timeseries_column": "ts"}, "'ts' must be among primary_keys"),
        ({"primary_keys": ["ts"], "timeseries_column": "ts"}, "needs a column beside the time-series column"),
        ({"primary_keys": ["zip", "zip"]}, "names a column twice"),
        ({"primary_keys": ["area"]}, r"\['area'\] are keys or partition columns but no columns"),
        ({"primary_keys": ["zip"], "partition_columns": ["day"]}, r"\['day'\] are keys or partition columns"),
    ],
)
def test_keys_that_do_not_work_are_refused(store, make_frame, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        store.create_table(name="counts", df=make_frame([(1, NOON, 1)], SCHEMA), **arguments)
    assert not store.tables.exists("counts")


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("ZIP", r"names a column twice: \['ZIP', 'zip'\]"), ("__rows", r"needs the names \['__rows'\]")],
)
def test_names_that_spark_would_confuse_are_refused(store, make_frame, column, sentence):
    with pytest.raises(ValueError, match=sentence):
        store.create_table(
            name="counts", df=make_frame([(1, NOON, 1, 2)], SCHEMA.append(pa.field(column, pa.int32()))), **KEYS
        )
    assert not store.tables.exists("counts")


def test_a_table_needs_columns(store):
    with pytest.raises(ValueError, match="create_table needs df or schema"):
        store.create_table(name="counts", primary_keys="zip")


def test_a_delta_table_of_another_kind_is_not_taken_over(store, make_frame):
    rows = make_frame([(1, NOON, 1)], SCHEMA)
    store.tables.replace("counts", rows)
    with pytest.raises(ValueError, match="is a Delta table but no feature table"):
        store.create_table(name="counts", df=rows, **KEYS)


def test_a_feature_that_never_was_null_may_be_left_out_later(store, make_frame):
    trips = make_frame([(1, NOON, 1), (1, NOON, 2)], SCHEMA)
    counted = trips.groupBy("zip", "ts").agg(F.count("*").alias("trips"), F.lit(1).alias("count"))
    assert not counted.schema["trips"].nullable
    store.create_table(name="counts", df=counted.limit(0), **KEYS)
    store.tables.replace("counts", counted, "zip = 1", ["zip"])
    store.tables.replace("counts", make_frame([(2, NOON, 5)], SCHEMA), "zip = 2", ["zip"])
    assert content(store, "trips") == [(1, 1, 2), (2, 5, None)]


def test_feature_tables_are_made_as_all_tables_are(counts, make_frame):
    counts.tables.replace("others", make_frame([(1, NOON, 1)], SCHEMA))
    held, others = (DeltaTable(counts.tables.folder(name)).metadata().configuration for name in ("counts", "others"))
    assert held == others
    assert held["delta.dataSkippingNumIndexedCols"] == "0"
    assert held["delta.deletedFileRetentionDuration"] == "interval 30 days"


def test_merging_updates_and_inserts(counts, make_frame):
    counts.write_table(name="counts", df=make_frame([(2, NOON, 20), (2, NOON + HOUR, 3)], SCHEMA), mode="merge")
    assert content(counts) == [(1, 1), (2, 20), (2, 3)]


def test_merging_twice_leaves_one_copy(counts, make_frame):
    for _ in range(2):
        counts.write_table(name="counts", df=make_frame([(3, NOON, 3)], SCHEMA))
    assert content(counts) == [(1, 1), (2, 2), (3, 3)]


def test_merging_adds_new_columns_of_any_kind(counts, make_frame):
    rows = make_frame([(2, NOON, 20), (3, NOON, 3)], SCHEMA)
    wider = rows.select("zip", F.lit("x").alias("the zone"), F.array(F.lit(1.5)).alias("fares"), "ts", "count")
    counts.write_table(name="counts", df=wider)
    assert content(counts, "the zone", "fares") == [(1, 1, None, None), (2, 20, "x", [1.5]), (3, 3, "x", [1.5])]
    assert counts.get_table(name="counts").features == ("zip", "ts", "count", "the zone", "fares")


def test_a_table_without_time_keeps_the_columns_that_a_merge_leaves_out(store, make_frame):
    store.create_table(name="counts", primary_keys="zip", df=make_frame([(1, NOON, 1)], SCHEMA))
    store.write_table(name="counts", df=make_frame([(1, NOON, 0), (2, NOON, 0)], SCHEMA).drop("count"))
    assert content(store) == [(1, 1), (2, None)]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(3, NOON, 1), (3, NOON, 2)], r"are not unique by \['zip', 'ts'\]"),
        ([(None, NOON, 1)], r"nulls in the key columns \['zip'\]"),
        ([(3, None, 1)], r"nulls in the key columns \['ts'\]"),
    ],
)
def test_rows_without_a_key_of_their_own_are_refused(counts, make_frame, rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        counts.write_table(name="counts", df=make_frame(rows, SCHEMA))
    with pytest.raises(ValueError, match=sentence):
        counts.create_table(name="others", df=make_frame(rows, SCHEMA), **KEYS)
    assert content(counts) == [(1, 1), (2, 2)]
    assert not counts.tables.exists("others")


@pytest.mark.parametrize(
    ("expressions", "sentence"),
    [
        (["zip", "count"], r"lack the columns \['ts'\]"),
        (["zip", "ts"], r"lack the columns \['count'\]"),
        (["CAST(zip AS BIGINT) AS zip", "ts", "count"], "'zip' is bigint, not int"),
        (["zip", "ts", "CAST(count AS STRING) AS count"], "'count' is string, not int"),
        (["zip", "ts", "count", "1 AS Zip"], r"names a column twice: \['Zip', 'zip'\]"),
        (["zip", "ts", "count AS Count"], r"have its columns \['Count'\] in another case"),
    ],
)
def test_rows_of_another_shape_are_refused(counts, make_frame, expressions, sentence):
    with pytest.raises(ValueError, match=sentence):
        counts.write_table(name="counts", df=make_frame([(3, NOON, 3)], SCHEMA).selectExpr(*expressions))


def test_only_merge_is_a_mode(counts, make_frame):
    with pytest.raises(ValueError, match="knows the mode 'merge', not 'overwrite'"):
        counts.write_table(name="counts", df=make_frame([(3, NOON, 3)], SCHEMA), mode="overwrite")


def test_a_dropped_table_is_gone_and_may_be_created_anew(counts, make_frame):
    counts.drop_table(name="counts")
    with pytest.raises(FeatureTableNotFoundError):
        counts.read_table(name="counts")
    counts.create_table(name="counts", primary_keys=["zip"], df=make_frame([(7, NOON, 7)], SCHEMA))
    assert content(counts) == [(7, 7)]


def test_threads_that_merge_and_add_columns_at_once_lose_nothing(store, spark, make_frame):
    store.create_table(name="counts", primary_keys=["zip", "ts"], df=make_frame([(1, NOON, 1)], SCHEMA))

    def write(day: int) -> None:
        for number in range(3):
            rows = spark.range(10).selectExpr(
                "CAST(id AS INT) AS zip", f"TIMESTAMP'2016-02-0{day}' AS ts", f"{number} AS count", f"{day} AS w{day}"
            )
            store.write_table(name="counts", df=rows)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, (1, 2, 3)))
    table = store.read_table(name="counts").where("ts >= '2016-02-01'")
    counted = table.groupBy("ts").agg(F.count("*"), F.min("count"), F.sum("w1"), F.sum("w2"), F.sum("w3")).orderBy("ts")
    assert [tuple(row)[1:] for row in counted.collect()] == [
        (10, 2, 10, None, None),
        (10, 2, None, 20, None),
        (10, 2, None, None, 30),
    ]


def test_threads_that_merge_the_same_keys_at_once_double_nothing(counts, spark):
    rows = spark.range(50).selectExpr("CAST(id AS INT) + 100 AS zip", "TIMESTAMP'2016-02-01' AS ts", "1 AS count")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counts.write_table(name="counts", df=rows), range(8)))
    assert counts.read_table(name="counts").where("zip >= 100").count() == 50


MERGE = """
import sys
from pathlib import Path
from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
store = LocalFeatureStore(LocalTables(LocalSpark(Path(sys.argv[1]), "test")), None)
for number in range(4):
    row = "CAST(id AS INT) AS zip", f"TIMESTAMP'2016-02-0{sys.argv[2]}' AS ts", f"{number} AS count"
    store.write_table(name="counts", df=store.tables.spark.spark_session.range(10).selectExpr(*row))
"""


def test_processes_that_merge_at_once_lose_nothing(counts):
    warehouse = str(counts.tables.spark.warehouse)
    running = [
        subprocess.Popen([sys.executable, "-c", MERGE, warehouse, str(day)], stderr=subprocess.PIPE) for day in (1, 2)
    ]
    for process in running:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error.decode()
    table = counts.read_table(name="counts").where("ts >= '2016-02-01'")
    counted = table.groupBy("ts").agg(F.count("*"), F.min("count"))
    assert [tuple(row)[1:] for row in counted.collect()] == [(10, 3), (10, 3)]
