"""A laptop's rows that `databricks.yml` names: which file is read, and the sentences when it is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mlops_core.adapters.doctor import local as doctor
from mlops_core.adapters.doctor.finding import Finding
from mlops_core.adapters.sources.choice import LocalSources
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.given_path import GivenPath, of_target
from mlops_core.adapters.spark import LocalSpark
from mlops_core.config import Target, TargetError, load_target
from mlops_core.ingestion.times import EventTimes
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.adapters.sources.sample import EVENTS, TRIPS
from my_mlops_stacks_tests.bundle.edits import override

ASKED = {"path": None, "times": None, "rows": 7, "seed": 1, "drift_from": None}
WALL_CLOCK = EventTimes(EVENTS, "wall_clock")


@pytest.fixture(autouse=True)
def _no_other_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPS_PATH", raising=False)


def target_of(folder: Path, table: str, root: Path) -> Target:
    """The target local of a copy of the bundle in `folder`, whose project lies in `root`."""
    override(folder, "local", f"trips_table: {table}")
    return load_target(PROJECT, environ={}, folder=folder).model_copy(update={"root": root})


def sources_of(target: Target, folder: Path) -> LocalSources:
    spark = LocalSpark(folder / "warehouse", "test")
    return LocalSources(spark, folder, WALL_CLOCK, date(2016, 1, 1), date(2016, 1, 2), of_target(EVENTS, target))


def test_a_file_relative_to_the_repository_wherever_the_run_is_started(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    TRIPS.to_parquet(tmp_path / "data" / "trips.parquet")
    monkeypatch.chdir(tmp_path / "elsewhere")
    for written in ("data/trips.parquet", "data", f"{tmp_path}/data", f"file://{tmp_path}/data/trips.parquet"):
        target = target_of(folder, written, tmp_path)
        assert sources_of(target, tmp_path / "state").choose(**ASKED).read().count() == len(TRIPS)


def test_the_run_then_the_environment_then_the_target_then_a_sample(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 2, 3):
        TRIPS[:count].to_parquet(tmp_path / f"{count}.parquet")
    sources = sources_of(target_of(folder, "3.parquet", tmp_path), tmp_path / "state")

    def count(path: str | None = None) -> int:
        return sources.choose(**{**ASKED, "path": path}).read().count()

    assert count() == 3
    monkeypatch.setenv("TRIPS_PATH", str(tmp_path / "2.parquet"))
    assert (count(), count(str(tmp_path / "1.parquet"))) == (2, 1)
    monkeypatch.setenv("TRIPS_PATH", "")
    assert count() == 3
    generated = load_target(PROJECT, environ={"BUNDLE_VAR_trips_table": ""}, folder=folder)
    assert sources_of(generated, tmp_path / "state").choose(**ASKED).read().count() == 7


def test_a_missing_file_is_said_with_its_setting_and_the_way_to_generated_rows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = sources_of(target_of(folder, "data/gone.csv", tmp_path), tmp_path)
    what = "to a parquet or CSV file, a folder of such files or a Delta table"
    with pytest.raises(FileNotFoundError) as refused:
        sources.choose(**ASKED).read()
    assert str(refused.value) == (
        f"There are no trips at {tmp_path}/data/gone.csv: set trips_table in databricks.yml {what}, or set "
        "BUNDLE_VAR_trips_table= (empty) to generate some."
    )
    monkeypatch.setenv("TRIPS_PATH", str(tmp_path / "gone.csv"))
    with pytest.raises(FileNotFoundError) as refused:
        sources.choose(**ASKED).read()
    assert str(refused.value) == (
        f"There are no trips at {tmp_path}/gone.csv: set TRIPS_PATH {what}, or unset it to read data/gone.csv "
        "(trips_table in databricks.yml)."
    )


def test_a_path_of_the_bundle_variable_names_the_variable(tmp_path: Path) -> None:
    target = load_target(PROJECT, environ={"BUNDLE_VAR_trips_table": "gone"}).model_copy(update={"root": tmp_path})
    assert str(of_target(EVENTS, target)) == "gone (BUNDLE_VAR_trips_table)"


def test_a_table_of_unity_catalog_is_no_source_of_a_laptop(folder: Path, tmp_path: Path) -> None:
    sources = sources_of(target_of(folder, "lake.taxi.trips", tmp_path), tmp_path)
    with pytest.raises(UnreadableEventsError, match="is lake.taxi.trips, which is no path .* read by targets on Datab"):
        sources.choose(**ASKED).read()
    TRIPS.to_parquet(tmp_path / "lake.taxi.trips.parquet")
    target = target_of(folder, "lake.taxi.trips.parquet", tmp_path)
    assert sources_of(target, tmp_path / "state").choose(**ASKED).read().count() == len(TRIPS)


@pytest.mark.parametrize("written", ["data/trips.parquet", "/data/trips", "trips", "a.b", "a.b.c.d"])
def test_databricks_has_no_files_of_a_laptop(folder: Path, written: str) -> None:
    override(folder, "dev", f"trips_table: {written}")
    with pytest.raises(TargetError, match=f"trips_table is '{written}', but it should be a table's full name, catalog"):
        load_target(PROJECT, "dev", environ={}, folder=folder)


def test_the_doctor_says_what_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(table: str) -> Finding:
        [finding] = doctor.source(EVENTS, target_of(folder, table, tmp_path))
        return finding

    TRIPS.to_csv(tmp_path / "trips.csv")
    assert said('""') == Finding("ok", "Trips are generated")
    assert said("trips.csv") == Finding("ok", "Trips are read from trips.csv (trips_table in databricks.yml): 1 file")
    gone = said("gone.csv")
    assert (gone.state, gone.said) == ("failed", f"There are no trips at {tmp_path}/gone.csv")
    assert gone.fix.startswith("set trips_table in databricks.yml to a parquet")
    monkeypatch.setenv("TRIPS_PATH", str(tmp_path / "trips.csv"))
    assert said("gone.csv").said == f"Trips are read from {tmp_path}/trips.csv (TRIPS_PATH): 1 file"


def test_what_is_written_is_what_is_shown() -> None:
    assert str(GivenPath("a.csv", "TRIPS_PATH")) == "a.csv (TRIPS_PATH)"
