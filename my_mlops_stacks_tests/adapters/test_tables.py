"""Tables keep every row through replacements, crashes and writers that race."""

from __future__ import annotations

import multiprocessing
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
