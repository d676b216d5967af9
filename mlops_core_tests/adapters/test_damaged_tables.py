"""A state folder that a crash, a full disk or a hand has harmed: each harm ends in one sentence, or heals itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlops_core.adapters.mlflow_database import LostDatabaseError, make_database
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import ColumnTypeError, LocalTables, StateError, damage, remedy_of
from mlops_core_tests.adapters.test_tables import content, days

FIRST, SECOND = "2016-01-01", "2016-01-02"


def log(tables: LocalTables) -> Path:
    return tables.folder("t") / "_delta_log"


def anew(tables: LocalTables) -> LocalTables:
    return LocalTables(LocalSpark(tables.spark.warehouse, "test"))


@pytest.fixture
def made(tables: LocalTables) -> LocalTables:
    tables.replace("t", days(tables, FIRST, SECOND), None, ["day"])
    tables.replace("t", days(tables, SECOND, value=2), f"day = DATE'{SECOND}'", ["day"])
    return tables


def data_file(tables: LocalTables, day: str) -> Path:
    return max((tables.folder("t") / f"day={day}").glob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20])


HARMS: dict[str, tuple[Callable[[LocalTables], object], str]] = {
    "a data file is gone": (
        lambda made: data_file(made, FIRST).unlink(),
        r"day=2016-01-01/.*\.parquet is missing: put",
    ),
    "a data file is cut off": (
        lambda made: cut_off(data_file(made, SECOND)),
        r"day=2016-01-02/.*\.parquet is cut off: ",
    ),
    "a commit is gone": (lambda made: (log(made) / f"{0:020}.json").unlink(), "commit 0 is missing in its log: put"),
    "a commit is cut off": (lambda made: cut_off(log(made) / f"{1:020}.json"), "0001.json can't be read: put the file"),
    "a commit is empty": (lambda made: (log(made) / f"{1:020}.json").write_text(""), "0001.json can't be read: put"),
}


def test_whole_tables_have_no_damage(made: LocalTables) -> None:
    for value in range(12):  # beyond a checkpoint of the log
        made.replace("t", days(made, FIRST, value=value), f"day = DATE'{FIRST}'", ["day"])
    assert list(log(made).glob("*.checkpoint.parquet"))
    (log(made) / f"{0:020}.json").unlink()  # what is before the checkpoint may go
    assert list(damage(made.folder("t").parent)) == []


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_table_is_named_with_the_fix(made: LocalTables, harm: str) -> None:
    do, sentence = HARMS[harm]
    do(made)
    made.replace("other", days(made, FIRST))
    (found,) = damage(made.folder("t").parent)
    assert found.startswith(f"The table in {made.folder('t')} is damaged, ")
    assert found.endswith("delete this folder and materialize 't' again, all its partitions.")
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(found)


def test_days_of_a_table_whose_log_is_gone_are_not_written_as_if_they_were_all(made: LocalTables) -> None:
    shutil.rmtree(log(made))
    tables = anew(made)
    with pytest.raises(StateError, match=rf"{made.folder('t')} has data files and no log .* materialize 't' again"):
        tables.replace("t", days(tables, SECOND), f"day = DATE'{SECOND}'", ["day"])
    tables.replace("t", days(tables, FIRST, SECOND), None, ["day"])
    assert content(tables) == [(FIRST, 1), (SECOND, 1)]


def test_a_log_without_a_commit_is_no_table_yet_and_hinders_nobody(tables: LocalTables) -> None:
    log(tables).mkdir(parents=True)
    again = anew(tables)
    assert not again.exists("t")
    again.replace("t", days(again, FIRST), f"day = DATE'{FIRST}'", ["day"])
    assert content(again) == [(FIRST, 1)]


def test_another_type_of_a_column_is_refused_at_once_and_changes_nothing(made: LocalTables) -> None:
    changed = days(made, SECOND).selectExpr("day", "cast(value as string) AS value")
    with pytest.raises(
        ColumnTypeError, match=r"Column value of test\.t is int, but string in the rows to write: cast it"
    ):
        made.replace("t", changed, f"day = DATE'{SECOND}'", ["day"])
    assert content(made) == [(FIRST, 1), (SECOND, 2)]


def test_a_file_in_the_place_of_a_table_is_said(tables: LocalTables) -> None:
    tables.folder("t").parent.mkdir(parents=True)
    tables.folder("t").write_text("not a folder")
    with pytest.raises(
        StateError, match="t could not be written, and is as it was: a file lies where a folder belongs"
    ):
        tables.replace("t", days(tables, FIRST))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_and_a_read_only_one_are_said_and_lose_nothing(small_disk: Path) -> None:
    tables = LocalTables(LocalSpark(small_disk / "warehouse", "test"))
    tables.replace("t", days(tables, FIRST), None, ["day"])
    large = tables.spark.spark_session.range(300_000).selectExpr("uuid() AS text", f"DATE'{FIRST}' AS day")
    with pytest.raises(StateError, match="t could not be written, and is as it was: the disk is full: free some space"):
        tables.replace("t", large, None, ["day"])
    assert content(tables) == [(FIRST, 1)]
    for file in tables.folder("t").rglob("*.parquet"):  # what the failed write left
        if file != data_file(tables, FIRST) and file.stat().st_size > 100_000:
            file.unlink()
    tables.replace("t", days(tables, FIRST, value=2), None, ["day"])
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(
        StateError, match="is as it was: it can only be read: let this user write there, or set state_f"
    ):
        tables.replace("t", days(tables, FIRST, value=3), None, ["day"])
    assert content(anew(tables)) == [(FIRST, 2)]


def test_what_a_full_or_read_only_disk_says_to_sqlite_is_understood(small_disk: Path) -> None:
    def said_to(statement: str, name: str) -> sqlite3.OperationalError:
        with pytest.raises(sqlite3.OperationalError) as said, closing(sqlite3.connect(small_disk / name)) as database:
            database.execute(statement, ["x" * 3_000_000] if "?" in statement else [])
            database.commit()
        return said.value

    with closing(sqlite3.connect(small_disk / "runs.db")) as database:
        database.execute("CREATE TABLE t (text)")
    assert "the disk is full" in str(remedy_of(said_to("INSERT INTO t VALUES (?)", "runs.db")))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for error in (said_to("INSERT INTO t VALUES (1)", "runs.db"), said_to("CREATE TABLE t (text)", "new.db")):
        assert "it can only be read" in str(remedy_of(error))
    assert remedy_of(sqlite3.OperationalError("no such table: t")) is None


@pytest.mark.parametrize("left", ["mlflow/artifacts/1", "warehouse/test/predictions/_delta_log/00.json"])
def test_a_lost_database_of_mlflow_is_not_begun_anew_beside_what_its_models_left(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir(parents=True)
    with pytest.raises(
        LostDatabaseError, match=rf"mlflow\.db is gone, but .*{left}\): put the database back, or begin"
    ):
        make_database(tmp_path / "mlflow" / "mlflow.db")
    assert not (tmp_path / "mlflow" / "mlflow.db").exists()
