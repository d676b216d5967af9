"""What the catalog says of a table on an emulated workspace, and what Spark says of its change data feed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from databricks_emulator import Emulator
from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.adapters.sources.unity_catalog_source import UnityCatalogSource
from mlops_core.adapters.sources.unity_catalog_watch import WatchedTable
from mlops_core.adapters.sources.watched import look
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core_tests.adapters.sources.watching import AS_WRITTEN, FEED, SALES, Watching, kinds, sale

NAME = "prod.shops.sales"
WATCHED = WatchedTable(None, NAME, AS_WRITTEN)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("workspace")) as workspace, pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in workspace.environment().items():
            monkeypatch.setenv(name, value)
        yield workspace


@pytest.fixture
def delivered(workspace: Emulator, tmp_path: Path) -> Watching:
    watching = Watching(tmp_path, tmp_path / "sales")
    watching.write([sale(1, 1)])
    workspace.unity_catalog.add_table(NAME, watching.path)
    return watching


def test_the_catalog_tells_the_version_and_which_table_it_is(workspace: Emulator, delivered: Watching) -> None:
    first = WATCHED.state()
    assert first.version == "0"
    delivered.write([sale(2, 2)], mode="append")
    second = WATCHED.state()
    committed = DeltaTable(delivered.path).history(1)[0]["timestamp"] / 1000
    assert second == replace(first, version="1", at=datetime.fromtimestamp(committed, UTC).replace(tzinfo=None))
    workspace.unity_catalog.add_table(NAME, delivered.path)  # dropped, and made again
    assert not WATCHED.state().is_version_of(second)
    as_moments = replace(WATCHED, times=replace(AS_WRITTEN, declared="UTC"))
    assert as_moments.state().identity != WATCHED.state().identity
    workspace.calls.clear()
    WATCHED.state()
    assert [path for path in workspace.calls.paths if "unity-catalog" in path] == [
        f"GET /api/2.1/unity-catalog/tables/{NAME} 200"
    ]
    assert not workspace.runs


def test_a_version_that_the_catalog_itself_keeps_is_the_newer_one(workspace: Emulator) -> None:
    stated = {"table_type": "MANAGED", "data_source_format": "DELTA", "table_id": "7"}
    committed = {"delta_runtime_properties": {"commitAttributes": '{"version": 12, "path": "/x"}'}}
    written = {"delta.lastUpdateVersion": "3", "delta.lastCommitTimestamp": "1700000000000"}
    workspace.unity_catalog.register(
        NAME, {**stated, "properties": written, "delta_runtime_properties_kvpairs": committed}
    )
    assert (WATCHED.state().version, WATCHED.state().at) == ("12", datetime(2023, 11, 14, 22, 13, 20))
    workspace.unity_catalog.register(
        NAME, {**stated, "properties": written | {"delta.feature.catalogManaged": "supported"}}
    )
    with pytest.raises(SourceNotWatchableError, match="keeps the commits of prod.shops.sales itself.* start be sched"):
        WATCHED.state()


def test_what_has_no_version_is_refused_with_the_way_out(workspace: Emulator, delivered: Watching) -> None:
    catalog = workspace.unity_catalog
    catalog.add_view(NAME, "prod.shops.others")
    with pytest.raises(
        SourceNotWatchableError, match=r"prod\.shops\.sales is a view.*name the table .* sales_table in"
    ):
        WATCHED.state()
    catalog.register(NAME, {"table_type": "FOREIGN", "data_source_format": "POSTGRESQL_FORMAT"})
    with pytest.raises(
        SourceNotWatchableError, match=r"no Delta version of prod\.shops\.sales \(foreign, POSTGRESQL_FO"
    ):
        WATCHED.state()
    for name in ("prod.shops.renamed", "prod.none.sales", "none.shops.sales"):
        with pytest.raises(SourceNotWatchableError, match=f"There is no table {name}: it was dropped or renamed"):
            replace(WATCHED, table=name).state()


def test_a_refusal_is_told_from_an_outage(workspace: Emulator, delivered: Watching) -> None:
    workspace.fail("GET", "/tables/", 403, error_code="PERMISSION_DENIED", message="User has no SELECT on the table")
    with pytest.raises(SourceNotWatchableError, match="may not be seen: grant USE CATALOG, USE SCHEMA and SELECT"):
        WATCHED.state()
    called = r"GET /api/2.1/unity-catalog/tables/prod.shops.sales at "
    workspace.fail("GET", "/tables/", 500)
    with pytest.raises(SourceUnansweredError, match=f"{called}.* failed"):
        WATCHED.state()
    workspace.fail("GET", "/tables/", page="<html><title>Sign in</title></html>")
    with pytest.raises(SourceUnansweredError, match=f"{called}.* was answered with an HTML page"):
        WATCHED.state()
    workspace.fail("GET", "/tables/", 401)
    with pytest.raises(SourceNotWatchableError, match=f"{called}.* refused the sign-in"):
        WATCHED.state()
    assert WATCHED.state().version == "0"


class FeedOfDatabricks:
    """Answers a read of the change data feed with that of delta-rs, and every other one with the newest rows."""

    def __init__(self, spark: LocalSpark, folder: Path, options: dict[str, object] | None = None) -> None:
        self.spark, self.folder, self.options = spark, folder, options or {}
        self.read = self

    @property
    def spark_session(self) -> FeedOfDatabricks:
        return self

    def option(self, name: str, value: object) -> FeedOfDatabricks:
        return FeedOfDatabricks(self.spark, self.folder, self.options | {name: value})

    def table(self, name: str) -> object:
        assert name == "`prod`.`shops`.`sales`"
        if self.options.get("readChangeFeed") != "true":
            return self.spark.spark_session.read.format("delta").load(str(self.folder))
        feed = DeltaTable(self.folder).load_cdf(starting_version=self.options["startingVersion"])
        return self.spark.spark_session.createDataFrame(pa.table(feed).to_pandas())


def test_the_feed_of_a_table_names_the_days(delivered: Watching, caplog: pytest.LogCaptureFixture) -> None:
    spark = delivered.spark
    times = replace(AS_WRITTEN, declared="wall_clock_as_utc")
    source = UnityCatalogSource(FeedOfDatabricks(spark, delivered.path), NAME, times)  # type: ignore[arg-type]
    delivered.delta.alter.set_table_properties(FEED)
    since = delivered.state()
    before = look(SALES, source, LocalTables(spark), state=since).after
    delivered.write([sale(2, 2), sale(3, 4)], mode="append")
    delivered.delta.delete("sale_id = 1")
    with caplog.at_level("INFO"):
        found = look(SALES, source, LocalTables(spark), state=delivered.state(), since=since, before=before)
    assert "names 3 days" in caplog.text
    assert kinds(found) == {date(2024, 1, 1): "removed", date(2024, 1, 2): "added", date(2024, 1, 4): "added"}


def test_an_engine_without_a_feed_looks_at_all_days(delivered: Watching) -> None:
    spark = LocalSpark(delivered.folder / "warehouse", "shops")
    spark.spark_session.sql(f"CREATE TABLE shops.sales USING delta LOCATION '{delivered.path}'")
    source = UnityCatalogSource(spark, "shops.sales", AS_WRITTEN)
    since, before = delivered.state(), look(SALES, source, LocalTables(spark)).after
    delivered.write([sale(2, 2)], mode="append")
    assert source.days_since(since) is None
    found = look(SALES, source, LocalTables(spark), state=delivered.state(), since=since, before=before)
    assert kinds(found) == {date(2024, 1, 2): "added"}
