"""Tables keep every row through replacements, crashes and writers that race."""

from __future__ import annotations

import multiprocessing
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables, TableNotFoundError


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


MONTH = timedelta(days=30)


def files(tables: LocalTables) -> list[Path]:
    return sorted(tables.folder("t").rglob("*.parquet"))


def make_older(tables: LocalTables, by: timedelta) -> None:
    """Let everything that was replaced so far have been replaced that much earlier."""
    at = str(int((time.time() - by.total_seconds()) * 1000))
    for log in (tables.folder("t") / "_delta_log").glob("*.json"):
        log.write_text(re.sub(r'"deletionTimestamp":\d+', f'"deletionTimestamp":{at}', log.read_text()))


def test_maintenance_puts_files_together_and_changes_no_row(tables):
    for value in range(5):
        extra = days(tables, "2016-01-01", value=value)
        extra.write.format("delta").mode("append").partitionBy("day").save(str(tables.folder("t")))
    before = content(tables)
    done = tables.maintain("t", MONTH)
    assert (done.put_together, done.into, done.removed) == (5, 1, 0)
    assert content(tables) == before
    assert tables.maintain("t", MONTH).put_together == 0


def test_maintenance_removes_what_was_replaced_before_the_retention(tables):
    for value in (1, 2, 3):
        tables.replace("t", days(tables, "2016-01-01", value=value), None, ["day"])
    version = tables.version("t")
    make_older(tables, timedelta(days=29))
    assert tables.maintain("t", MONTH).removed == 0
    assert [row["value"] for row in tables.read("t", version - 1).collect()] == [2]  # still within it
    make_older(tables, timedelta(days=31))
    assert tables.maintain("t", MONTH).removed == 2
    assert len(files(tables)) == 1
    assert content(tables) == [("2016-01-01", 3)]


def maintain_often(warehouse: str) -> None:
    tables = LocalTables(LocalSpark(Path(warehouse), "test"))
    for _ in range(10):
        tables.maintain("t", MONTH)


def test_maintenance_beside_a_writer_loses_nothing(tables):
    tables.replace("t", days(tables, "2016-09-01", value=9), None, ["day"])
    spawn = multiprocessing.get_context("spawn")
    beside = [
        spawn.Process(target=write_days, args=(str(tables.spark.warehouse), 3)),
        spawn.Process(target=maintain_often, args=(str(tables.spark.warehouse),)),
    ]
    for process in beside:
        process.start()
    for process in beside:
        process.join()
        assert process.exitcode == 0
    assert content(tables) == [*((f"2016-03-{day:02d}", 3) for day in range(1, 6)), ("2016-09-01", 9)]
