"""Maintenance removes old files and forgotten ones, and leaves those that somebody reads or is about to commit."""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.adapters.tables.local import KEPT_SINCE
from mlops_core_tests.adapters.test_tables import content, days, write_days

MONTH = timedelta(days=30)
CHECKPOINT = "00000000000000000010.checkpoint.parquet"


def log(tables: LocalTables) -> Path:
    return tables.folder("t") / "_delta_log"


def files(tables: LocalTables) -> list[Path]:
    return sorted(file for file in tables.folder("t").rglob("*.parquet") if file.parent != log(tables))


def make_older(tables: LocalTables, by: timedelta, versions: range = range(99)) -> None:
    """Let what these versions replaced have been replaced that much earlier, and all files have been written before."""
    at = time.time() - by.total_seconds()
    for version in versions:
        if (commit := log(tables) / f"{version:020}.json").exists():
            deleted = f'"deletionTimestamp":{int(at * 1000)}'
            commit.write_text(re.sub(r'"deletionTimestamp":\d+', deleted, commit.read_text()))
    for file in files(tables):
        os.utime(file, (at - 86_400, at - 86_400))


def append(tables: LocalTables, value: int) -> None:
    """A commit to a table that was not made by `LocalTables`."""
    rows = days(tables, "2016-01-01", value=value)
    rows.write.format("delta").mode("append").partitionBy("day").save(str(tables.folder("t")))


def overwrite(tables: LocalTables, value: int) -> None:
    days(tables, "2016-01-01", value=value).write.format("delta").mode("overwrite").save(str(tables.folder("t")))


def value_of(tables: LocalTables, version: int) -> list[int]:
    return [row["value"] for row in tables.read("t", version).collect()]


def test_maintenance_puts_files_together_and_changes_no_row(tables):
    for value in range(5):
        append(tables, value)
    before = content(tables)
    done = tables.maintain("t", MONTH)
    assert (done.files_compacted, done.files_written, done.removed) == (5, 1, 0)
    assert content(tables) == before
    assert tables.maintain("t", MONTH).files_compacted == 0


def test_maintenance_removes_what_was_replaced_before_the_retention(tables):
    for value in (1, 2, 3):
        tables.replace("t", days(tables, "2016-01-01", value=value), None, ["day"])
    version = tables.version("t")
    make_older(tables, timedelta(days=29))
    assert tables.maintain("t", MONTH).removed == 0
    assert value_of(tables, version - 1) == [2]  # still within it
    make_older(tables, timedelta(days=31))
    assert tables.maintain("t", MONTH).removed == 2
    assert len(files(tables)) == 1
    assert content(tables) == [("2016-01-01", 3)]


def test_a_checkpoint_of_the_log_neither_saves_old_files_nor_loses_young_ones(tables):
    for value in range(8):
        tables.replace("t", days(tables, "2016-01-01", value=value))
    make_older(tables, timedelta(days=31), range(5))
    make_older(tables, timedelta(days=10), range(5, 8))
    orphan, uncommitted = (tables.folder("t") / f"{name}.parquet" for name in ("orphan", "uncommitted"))
    orphan.write_bytes(b"of a commit that was lost")
    make_older(tables, timedelta(days=60), range(0))
    uncommitted.write_bytes(b"of a writer that is about to commit")
    for value in range(8, 14):
        tables.replace("t", days(tables, "2016-01-01", value=value))
    assert (log(tables) / CHECKPOINT).exists()
    assert tables.maintain("t", MONTH).removed == 5  # what versions 0 to 3 held, and the orphan
    assert [value_of(tables, version) for version in range(4, 14)] == [[value] for value in range(4, 14)]
    assert uncommitted.exists()
    assert not orphan.exists()


def test_a_table_whose_log_forgot_files_loses_none_that_are_young(tables):
    """Made without our properties, it forgot files that were replaced ten days ago: they look like orphans."""
    for value in range(8):
        overwrite(tables, value)
    make_older(tables, timedelta(days=10))
    for value in range(8, 12):
        overwrite(tables, value)
    assert (log(tables) / CHECKPOINT).exists()
    for _ in range(2):
        assert tables.maintain("t", MONTH).removed == 0
    assert [value_of(tables, version) for version in range(12)] == [[value] for value in range(12)]


def test_such_a_table_is_cleaned_once_its_log_remembered_for_the_retention(tables):
    overwrite(tables, 1)
    tables.maintain("t", MONTH)
    orphan = tables.folder("t") / "orphan.parquet"
    orphan.write_bytes(b"of a commit that was lost")
    make_older(tables, timedelta(days=40))
    assert tables.maintain("t", MONTH).removed == 0
    since = {KEPT_SINCE: (datetime.now(UTC) - timedelta(days=31)).isoformat()}
    DeltaTable(tables.folder("t")).alter.set_table_properties(since, raise_if_not_exists=False)
    assert tables.maintain("t", MONTH).removed == 1
    assert content(tables) == [("2016-01-01", 1)]


def test_a_table_keeps_its_history_as_long_as_maintenance_is_told(tables):
    tables.replace("t", days(tables, "2016-01-01"), "day = DATE'2016-01-01'", ["day"])
    for retention in (MONTH, timedelta(days=90)):
        tables.maintain("t", retention)
        held = DeltaTable(tables.folder("t")).metadata().configuration
        assert held["delta.deletedFileRetentionDuration"] == f"interval {retention.days} days"
        assert held["delta.logRetentionDuration"] == f"interval {2 * retention.days} days"
    version = tables.version("t")
    tables.maintain("t", timedelta(days=90))
    history = DeltaTable(tables.folder("t")).history()
    assert {entry["operation"] for entry in history if entry["version"] > version} <= {"VACUUM START", "VACUUM END"}


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
