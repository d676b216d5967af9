from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mlops_core.adapters.sources.choice import LocalSources, TableSource
from mlops_core.adapters.sources.file_source import FileSource
from mlops_core.adapters.sources.given_path import of_run
from mlops_core.adapters.sources.unity_catalog_source import UnityCatalogSource
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.config import load_target
from mlops_core.defs.resources import build_resources
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.times import EventTimes
from mlops_core_tests.adapters.sources.landed import named
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.adapters.sources.sample import COLUMNS, EVENTS, TRIPS

ASKED = {"rows": 100, "seed": 1, "drift_from": None}
WALL_CLOCK, UTC = EventTimes(EVENTS, "wall_clock"), EventTimes(EVENTS, "UTC")


def test_the_path_of_the_run_then_that_of_the_environment_then_generated_trips(
    local: LocalSpark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = LocalSources(local, tmp_path, WALL_CLOCK, date(2016, 1, 1), date(2016, 1, 2))
    landed = tmp_path / "landed"
    monkeypatch.setenv("TRIPS_PATH", "from/environment.csv")
    monkeypatch.setenv("TRIPS_TIMES", "UTC")
    by_run = sources.choose(path="from/run.csv", times="wall_clock", **ASKED)
    assert by_run == FileSource(local, of_run("from/run.csv"), landed, WALL_CLOCK)
    by_environment = sources.choose(path=None, times=None, **ASKED)
    assert by_environment == FileSource(local, named(EVENTS, "from/environment.csv"), landed, UTC)
    monkeypatch.delenv("TRIPS_TIMES")
    assert sources.choose(path=None, times=None, **ASKED) == FileSource(
        local, named(EVENTS, "from/environment.csv"), landed, WALL_CLOCK
    )
    monkeypatch.delenv("TRIPS_PATH")
    assert sources.choose(path=None, times=None, **ASKED).read().count() == 100


def test_times_that_cannot_be_read_so_are_refused(local: LocalSpark, tmp_path: Path) -> None:
    sources = LocalSources(local, tmp_path, WALL_CLOCK, date(2016, 1, 1), date(2016, 1, 2))
    with pytest.raises(ValueError, match="cannot be read as 'local': say wall_clock"):
        sources.choose(path="trips.csv", times="local", **ASKED)


@pytest.mark.parametrize("target", ["local", "dev"])
def test_a_target_that_declares_no_times_does_not_load(target: str) -> None:
    with pytest.raises(ValueError, match="cannot be read as 'Mars'.*trips_times in databricks.yml"):
        build_resources(PROJECT, load_target(PROJECT, target, environ={"BUNDLE_VAR_trips_times": "Mars"}))


def test_a_target_with_a_table_reads_no_path(local: LocalSpark) -> None:
    sources = TableSource(local, "samples.nyctaxi.trips", UTC)
    assert sources.choose(path=None, times=None, **ASKED) == UnityCatalogSource(local, "samples.nyctaxi.trips", UTC)
    for asked in ({"path": "trips.csv", "times": None}, {"path": None, "times": "UTC"}):
        with pytest.raises(ValueError, match=r"reads samples\.nyctaxi\.trips .* leave 'path' and 'times' out"):
            sources.choose(**asked, **ASKED)


def test_reads_a_table_by_name(tables: LocalTables, tmp_path: Path) -> None:
    TRIPS.to_parquet(tmp_path / "trips.parquet")
    rows = FileSource(tables.spark, named(EVENTS, tmp_path / "trips.parquet"), tmp_path / "landed", WALL_CLOCK).read()
    assert rows.columns == [*COLUMNS, SOURCE_PROBLEM]
    tables.replace("raw_trips", rows)
    assert UnityCatalogSource(tables.spark, "test.raw_trips", WALL_CLOCK).read().count() == 3
