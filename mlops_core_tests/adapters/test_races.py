"""Processes that write one table at once, from an empty folder on, lose nothing and double nothing."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables

WRITERS, ROWS = 3, 50
Write = Callable[[LocalTables, str, int], None]


def trips(tables: LocalTables, name: str, writer: int) -> None:
    """A whole table, the same from each: twice, once to make it and once over what is there."""
    rows = tables.spark.spark_session.range(ROWS).selectExpr("id", "id * 2 AS value", f"{writer} AS writer")
    for _ in range(2):
        tables.replace(name, rows)


def features(tables: LocalTables, name: str, writer: int) -> None:
    """A feature table as the IO manager writes it, each its day."""
    store = LocalFeatureStore(tables, None)  # type: ignore[arg-type]
    at = f"TIMESTAMP'2016-02-0{writer + 1} 10:00:00'"
    columns = ("id AS zip", f"{at} AS ts", f"to_date({at}) AS day", f"{writer} AS writer")
    rows = tables.spark.spark_session.range(ROWS).selectExpr(*columns)
    keys = {"primary_keys": ["zip", "ts"], "timeseries_column": "ts", "partition_columns": ["day"]}
    store.create_table(name=name, df=rows.limit(0), **keys)
    tables.replace(name, rows, f"day = DATE'2016-02-0{writer + 1}'", ["day"])


def merged(tables: LocalTables, name: str, writer: int) -> None:
    """A feature table that everybody creates with rows of his own."""
    store = LocalFeatureStore(tables, None)  # type: ignore[arg-type]
    rows = tables.spark.spark_session.range(ROWS).selectExpr("id AS zip", f"{writer} AS part", f"{writer} AS writer")
    store.create_table(name=name, primary_keys=["zip", "part"], df=rows.limit(0))
    store.write_table(name=name, df=rows)


def predictions(tables: LocalTables, name: str, writer: int) -> None:
    """One day, each the rows of its model version."""
    columns = ("id", "DATE'2016-02-01' AS day", f"{writer} AS model_version", f"{writer} AS writer")
    rows = tables.spark.spark_session.range(ROWS).selectExpr(*columns)
    for _ in range(2):
        tables.replace(name, rows, f"day = DATE'2016-02-01' AND model_version = {writer}", ["day"])


def monitors(tables: LocalTables, name: str, writer: int) -> None:
    """Days with nested columns."""
    day = f"DATE'2016-02-0{writer + 1}'"
    columns = ("id", f"{day} AS day", f"named_struct('start', {day}) AS window", "array(1.0D) AS quantiles")
    rows = tables.spark.spark_session.range(ROWS).selectExpr(*columns, f"{writer} AS writer")
    tables.replace(name, rows, f"day = {day}", ["day"])


def columns(tables: LocalTables, name: str, writer: int) -> None:
    """Days, to which each adds a column of its own."""
    day = f"DATE'2016-02-0{writer + 1}'"
    rows = tables.spark.spark_session.range(ROWS).selectExpr("id", f"{day} AS day", f"{writer} AS writer")
    tables.replace(name, rows.selectExpr("*", f"id AS column_of_{writer}"), f"day = {day}", ["day"])


WRITES: dict[str, Write] = {
    write.__name__: write for write in (trips, features, merged, predictions, monitors, columns)
}


def write(folder: Path, writer: int, rounds: int, start: Barrier) -> None:
    """Every kind, each in a warehouse of its own; whoever fails ends the others too."""
    try:
        for kind, write_one in WRITES.items():
            tables = LocalTables(LocalSpark(folder / kind, "test"))
            _ = tables.spark.spark_session
            for number in range(rounds):
                start.wait(timeout=120)
                write_one(tables, f"t{number}", writer)
    except BaseException:
        start.abort()
        raise


def race(folder: Path, rounds: int) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(WRITERS)
    racing = [context.Process(target=write, args=(folder, number, rounds, start)) for number in range(WRITERS)]
    for process in racing:
        process.start()
    for process in racing:
        process.join()
    assert [process.exitcode for process in racing] == [0] * WRITERS
    for kind in WRITES:
        tables = LocalTables(LocalSpark(folder / kind, "test"))
        expected = [ROWS] if kind == "trips" else [ROWS] * WRITERS
        for number in range(rounds):
            counts = tables.read(f"t{number}").groupBy("writer").count().collect()
            assert [row["count"] for row in counts] == expected, (kind, number)
    last = LocalTables(LocalSpark(folder / "columns", "test")).read(f"t{rounds - 1}").toPandas()
    assert [last[f"column_of_{writer}"].notna().sum() for writer in range(WRITERS)] == [ROWS] * WRITERS


def test_writers_at_once(tmp_path: Path) -> None:
    race(tmp_path, rounds=3)


@pytest.mark.slow
def test_writers_at_once_many_times(tmp_path: Path) -> None:
    """RACE_ROUNDS asks for more: fifty are some minutes."""
    race(tmp_path, rounds=int(os.environ.get("RACE_ROUNDS", "10")))
