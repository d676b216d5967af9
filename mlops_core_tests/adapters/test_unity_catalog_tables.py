"""What the tables of Unity Catalog ask of the cluster's session."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from pyspark.sql.types import ArrayType, DoubleType, IntegerType, StructField

from mlops_core.adapters.tables import UnityCatalogTables

OPTIMIZED = {"numFilesRemoved": 5, "numFilesAdded": 1}


class RecordingSession:
    """Answers as Databricks does, keeps the statements, and fails those that it is told to, once."""

    def __init__(self, failing: str = "") -> None:
        self.statements: list[str] = []
        self.failing = failing
        self.catalog = SimpleNamespace(tableExists=lambda name: name == "`main`.`taxi`.`trips`")

    def sql(self, statement: str) -> SimpleNamespace:
        self.statements.append(statement)
        if self.failing and statement.startswith(self.failing):
            self.failing = ""
            raise RuntimeError("[DELTA_CONCURRENT_APPEND] Files were added by a concurrent update")
        rows = [{"metrics": OPTIMIZED}] if statement.startswith("OPTIMIZE") else [{"version": 12}]
        return SimpleNamespace(collect=lambda: rows)


def tables_of(session: RecordingSession) -> UnityCatalogTables:
    return UnityCatalogTables(SimpleNamespace(spark_session=session), "main", "taxi")


def test_maintenance_states_how_long_history_is_kept_before_it_removes_files():
    session = RecordingSession()
    done = tables_of(session).maintain("trips", timedelta(days=14))
    assert session.statements == [
        "ALTER TABLE `main`.`taxi`.`trips` SET TBLPROPERTIES ("
        "'delta.deletedFileRetentionDuration' = 'interval 14 days', 'delta.logRetentionDuration' = 'interval 28 days')",
        "OPTIMIZE `main`.`taxi`.`trips`",
        "VACUUM `main`.`taxi`.`trips` RETAIN 336 HOURS",
    ]
    assert str(done) == "5 files compacted into 1"


@pytest.mark.parametrize("statement", ["ALTER", "OPTIMIZE"])
def test_maintenance_waits_for_writers(statement):
    session = RecordingSession(failing=statement)
    tables_of(session).maintain("trips", timedelta(days=30))
    assert [asked.split()[0] for asked in session.statements].count(statement) == 2
    assert session.statements[-1].startswith("VACUUM")


def test_the_version_is_that_of_the_newest_commit():
    session = RecordingSession()
    assert tables_of(session).version("trips") == 12
    assert session.statements == ["DESCRIBE HISTORY `main`.`taxi`.`trips` LIMIT 1"]


def test_a_table_exists_by_its_full_name():
    assert [tables_of(RecordingSession()).exists(name) for name in ("trips", "rejected_trips")] == [True, False]


def test_new_columns_are_added_in_one_statement():
    session = RecordingSession()
    tables_of(session).add_columns(
        "trips", [StructField("fare", DoubleType()), StructField("paid", ArrayType(IntegerType()))]
    )
    assert session.statements == ["ALTER TABLE `main`.`taxi`.`trips` ADD COLUMNS (`fare` double, `paid` array<int>)"]


class Writer:
    """A DataFrame's writer that keeps what it was told."""

    def __init__(self) -> None:
        self.told: dict[str, object] = {}

    def __getattr__(self, name: str):
        def tell(*arguments, **options):
            self.told |= options or {name: arguments}
            return self

        return tell


def test_a_table_that_is_written_anew_states_how_long_history_is_kept():
    writer = Writer()
    tables_of(RecordingSession()).replace("trips", SimpleNamespace(write=writer))
    assert writer.told["saveAsTable"] == ("`main`.`taxi`.`trips`",)
    assert writer.told["mode"] == ("overwrite",)
    assert writer.told["delta.deletedFileRetentionDuration"] == "interval 30 days"
    assert writer.told["delta.logRetentionDuration"] == "interval 60 days"
