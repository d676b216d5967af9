"""Tables keep every row through replacements, crashes and writers that race."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables, TableNotFoundError


def days(tables: LocalTables, *keys: str, value: int = 1):
    rows = tables.spark.spark_session.createDataFrame([(key, value) for key in keys], "day string, value int")
    return rows.selectExpr("cast(day as date) day", "value")


def content(tables: LocalTables) -> list[tuple[str, int]]:
    return sorted((str(row["day"]), row["value"]) for row in tables.read("t").collect())


def test_a_write_replaces_its_days_only(tables):
    tables.replace("t", days(tables, "2016-01-01", "2016-01-02"), "day <= DATE'2016-01-02'", ["day"])
    tables.replace("t", days(tables, "2016-01-02", value=2), "day = DATE'2016-01-02'", ["day"])
    tables.replace("t", days(tables, "2016-01-02", value=2), "day = DATE'2016-01-02'", ["day"])
    assert content(tables) == [("2016-01-01", 1), ("2016-01-02", 2)]


def test_each_day_is_one_file_however_many_files_its_rows_come_from(tables, tmp_path):
    keys = [f"2016-01-{number:02}" for number in range(1, 31)]
    for number in range(20):
        days(tables, *keys, value=number).coalesce(1).write.parquet(str(tmp_path / "source" / f"n={number}"))
    source = tables.spark.spark_session.read.parquet(str(tmp_path / "source")).select("day", "value")
    assert len(list((tmp_path / "source").rglob("*.parquet"))) >= 20
    tables.replace("t", source, "day <= DATE'2016-01-30'", ["day"])
    assert len(tables.delta("t").file_uris()) == len(keys)
    assert content(tables) == sorted((key, number) for key in keys for number in range(20))


def test_a_row_outside_the_replaced_days_fails_the_write_and_changes_nothing(tables):
    tables.replace("t", days(tables, "2016-01-01"), None, ["day"])
    with pytest.raises(Exception, match="a row to write does not satisfy: day = DATE'2016-01-02'"):
        tables.replace("t", days(tables, "2016-01-02", "2016-01-03", value=2), "day = DATE'2016-01-02'", ["day"])
    assert content(tables) == [("2016-01-01", 1)]


def test_a_new_column_is_added_and_one_that_is_gone_stays_null(tables):
    tables.replace("t", days(tables, "2016-01-01", "2016-01-02"), "day <= DATE'2016-01-02'", ["day"])
    widened = days(tables, "2016-01-02", value=2).selectExpr("day", "cast(2.5 as float) fare", "value")
    tables.replace("t", widened, "day = DATE'2016-01-02'", ["day"])
    tables.replace("t", days(tables, "2016-01-03", value=3), "day = DATE'2016-01-03'", ["day"])
    assert content(tables) == [("2016-01-01", 1), ("2016-01-02", 2), ("2016-01-03", 3)]
    fares = {str(row["day"]): row["fare"] for row in tables.read("t").collect()}
    assert fares == {"2016-01-01": None, "2016-01-02": 2.5, "2016-01-03": None}


def test_days_of_a_table_with_arrays_are_replaced(tables):
    array = "if(value > 0, array(1.0D, value), null) AS quantiles"
    for day in ("2016-01-01", "2016-01-02", "2016-01-02"):
        rows = days(tables, day).selectExpr("day", "value", "'1 day' AS granularity", array)
        tables.replace("t", rows, f"day = DATE'{day}'", ["day"])
    assert content(tables) == [("2016-01-01", 1), ("2016-01-02", 1)]
    assert {tuple(row["quantiles"]) for row in tables.read("t").collect()} == {(1.0, 1.0)}


def test_a_column_that_never_was_null_may_go_too(tables):
    counted = days(tables, "2016-01-01").selectExpr("day", "value", "1L as count")
    assert not counted.schema["count"].nullable
    tables.replace("t", counted, "day = DATE'2016-01-01'", ["day"])
    tables.replace("t", days(tables, "2016-01-02", value=2), "day = DATE'2016-01-02'", ["day"])
    assert {str(row["day"]): row["count"] for row in tables.read("t").collect()} == {
        "2016-01-01": 1,
        "2016-01-02": None,
    }


def test_arrays_and_structs_are_replaced_too(tables):
    nested = ("array(1.5D, 2.5D) as quantiles", "named_struct('start', day) as window")
    for day in ("2016-01-01", "2016-01-02", "2016-01-01"):
        rows = days(tables, day).selectExpr("day", "value", *nested)
        tables.replace("t", rows, f"day = DATE'{day}'", ["day"])
    found = tables.read("t").orderBy("day").collect()
    assert [(str(row["window"]["start"]), row["quantiles"]) for row in found] == [
        ("2016-01-01", [1.5, 2.5]),
        ("2016-01-02", [1.5, 2.5]),
    ]


def test_old_versions_can_be_read(tables):
    tables.replace("t", days(tables, "2016-01-01"))
    version = tables.version("t")
    tables.replace("t", days(tables, "2016-01-01", value=2))
    assert [row["value"] for row in tables.read("t", version).collect()] == [1]
    assert tables.version("t") > version


def test_every_version_can_be_read_beyond_the_checkpoint_of_the_log(tables):
    for value in range(14):
        tables.replace("t", days(tables, "2016-01-01", value=value))
    checkpoint = tables.folder("t") / "_delta_log" / "00000000000000000010.checkpoint.parquet"
    assert checkpoint.exists()
    for version in (0, 2, 9, 10, 11, 13):
        assert [row["value"] for row in tables.read("t", version).collect()] == [version]
    assert content(tables) == [("2016-01-01", 13)]


def test_a_missing_table_is_named_with_the_asset_to_materialize(tables):
    with pytest.raises(TableNotFoundError, match="Table test.t does not exist yet: materialize the asset 't' first"):
        tables.read("t")


def test_a_session_sees_tables_by_name(tables):
    tables.replace("t", days(tables, "2016-01-01"))
    another = LocalSpark(tables.spark.warehouse, "test").spark_session
    assert another.sql("SELECT count(*) AS n FROM test.t").collect()[0]["n"] == 1


def write_days(warehouse: str, month: int) -> None:
    tables = LocalTables(LocalSpark(Path(warehouse), "test"))
    for day in range(1, 6):
        key = f"2016-{month:02d}-{day:02d}"
        tables.replace("t", days(tables, key, value=month), f"day = DATE'{key}'", ["day"])


def test_processes_that_write_at_once_lose_and_double_nothing(tables):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_days, args=(str(tables.spark.warehouse), month)) for month in (1, 2, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert content(tables) == [(f"2016-{month:02d}-{day:02d}", month) for month in (1, 2) for day in range(1, 6)]
