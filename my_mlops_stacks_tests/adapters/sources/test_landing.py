"""The files that Spark reads: landed once, never half, and as they were when the run began."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_core.adapters.sources import landing
from mlops_core.adapters.sources.data_files import data_files
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.file_source import FileSource
from mlops_core.adapters.sources.landing import Landing
from mlops_core.adapters.spark import LocalSpark
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from mlops_core.ingestion.days import EventDays
from mlops_core.ingestion.times import EventTimes
from mlops_core_tests.adapters.odd_names import ODD_NAMES
from mlops_core_tests.adapters.sources.landed import named
from my_mlops_stacks_tests.adapters.sources.sample import EVENTS, HEADER, LINE, TIMES, TRIPS

WALL_CLOCK = EventTimes(EVENTS, "wall_clock")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file for each trip."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        TRIPS[number : number + 1].to_csv(tmp_path / "in" / f"{number}.csv", index=False)
    return tmp_path / "in"


def snapshot(folder: Path, times: EventTimes = WALL_CLOCK) -> Path:
    return Landing(folder.parent / "landed", times).snapshot(data_files("TRIPS_PATH", folder))


def inodes(snapshot: Path) -> set[int]:
    return {file.stat().st_ino for file in snapshot.iterdir()}


def test_files_that_did_not_change_are_not_landed_again(folder: Path) -> None:
    first = snapshot(folder)
    assert snapshot(folder) == first
    TRIPS[:1].to_csv(folder / "3.csv", index=False)
    second = snapshot(folder)
    assert inodes(second) > inodes(first) and len(inodes(second)) == 4


def test_a_file_that_changed_is_landed_again(folder: Path) -> None:
    first, before = snapshot(folder), (folder / "0.csv").stat()
    text = (folder / "0.csv").read_text()
    (folder / "0.csv").write_text(text.replace("8.0", "9.0"))
    os.utime(folder / "0.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (folder / "0.csv").stat().st_size == before.st_size
    second = snapshot(folder)
    assert sorted(pd.read_parquet(first).fare_amount) == [8.0, 9.5, 52.0]
    assert sorted(pd.read_parquet(second).fare_amount) == [9.0, 9.5, 52.0]
    assert len(inodes(first) & inodes(second)) == 2


def test_another_declaration_lands_anew(folder: Path) -> None:
    assert not inodes(snapshot(folder)) & inodes(snapshot(folder, EventTimes(EVENTS, "UTC")))


def test_a_run_reads_what_was_there_when_it_began(local: LocalSpark, folder: Path) -> None:
    rows = FileSource(local, named(EVENTS, folder), folder.parent / "landed", WALL_CLOCK).read()
    TRIPS.to_csv(folder / "0.csv", index=False)
    (folder / "1.csv").unlink()
    again = FileSource(local, named(EVENTS, folder), folder.parent / "landed", WALL_CLOCK).read()
    assert (rows.count(), again.count()) == (3, 4)
    assert conform(EVENTS, rows).where("fare_amount = 9.5").count() == 1


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_state_folder_of_any_name(local: LocalSpark, folder: Path, name: str) -> None:
    assert FileSource(local, named(EVENTS, folder), folder.parent / name / "landed", WALL_CLOCK).read().count() == 3


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = landing.csv_batches

    def delivered_meanwhile(file, clock):
        yield from whole(file, clock)
        with file.path.open("a") as opened:
            opened.write(f"{LINE}\n")

    monkeypatch.setattr(landing, "csv_batches", delivered_meanwhile)
    with pytest.raises(UnreadableEventsError, match=r"0.csv was changed while it was read: run again"):
        snapshot(folder)
    assert list((folder.parent / "landed").iterdir()) == []


def test_a_file_that_is_refused_leaves_nothing(folder: Path) -> None:
    (folder / "2.csv").write_text("no header\n")
    with pytest.raises(UnreadableEventsError):
        snapshot(folder)
    assert list((folder.parent / "landed").iterdir()) == []


def test_snapshots_that_nobody_used_for_a_day_are_removed(folder: Path) -> None:
    old = snapshot(folder)
    (folder.parent / "landed" / ".left-by-a-run-that-was-killed").mkdir()
    (folder / "2.csv").unlink()
    new = snapshot(folder)
    assert old.exists()
    for unused in (folder.parent / "landed").iterdir():
        os.utime(unused, (time.time() - 90_000,) * 2)
    assert snapshot(folder) == new
    assert list((folder.parent / "landed").iterdir()) == [new]


def test_a_file_system_without_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(link: Path, target: Path) -> None:
        raise OSError("no links here")

    snapshot(folder)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    TRIPS[:1].to_csv(folder / "3.csv", index=False)
    assert len(pd.read_parquet(snapshot(folder))) == 4


def test_many_processes_land_the_same_folder_at_once(folder: Path) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        for more in range(10):
            (folder / "0.csv").write_text(f"{HEADER}\n{LINE}\n" + f"{LINE}\n" * more)
            snapshots = set(processes.map(snapshot, [folder] * 8))
            assert len(snapshots) == 1
            assert len(pd.read_parquet(snapshots.pop())) == 3 + more


def test_days_are_found_without_reading_the_others(local: LocalSpark, tmp_path: Path) -> None:
    """The landed file has row groups, whose times say which of them a range of days needs."""
    hours = pd.date_range("2016-01-01", periods=300_000, freq="10s").astype("datetime64[us]")
    frame = pd.DataFrame({"tpep_pickup_datetime": hours, "tpep_dropoff_datetime": hours + pd.Timedelta("5min")})
    frame = frame.assign(trip_distance=1.0, fare_amount=5.0, pickup_zip=10001, dropoff_zip=10002)
    for name, write in (("t.parquet", frame.to_parquet), ("t.csv", lambda path: frame.to_csv(path, index=False))):
        write(tmp_path / name)
        landed = snapshot_of(tmp_path / name)
        file = pq.ParquetFile(next(landed.iterdir()))
        ends = [file.metadata.row_group(i).column(0).statistics for i in range(file.num_row_groups)]
        assert len(ends) == 3
        assert all(earlier.max < later.min for earlier, later in pairwise(ends))
        assert file.schema_arrow.field(0).type == pa.timestamp("us")
    rows = FileSource(local, named(EVENTS, tmp_path / "t.csv"), tmp_path / "landed", WALL_CLOCK).read()
    accepted, _ = accept(EVENTS, conform(EVENTS, rows, EventDays(date(2016, 1, 2), date(2016, 1, 3))))
    assert accepted.count() == (frame[TIMES[0]].dt.day.isin([2, 3]) & (frame[TIMES[0]].dt.month == 1)).sum()


def snapshot_of(path: Path) -> Path:
    return Landing(path.parent / "landed", WALL_CLOCK).snapshot(data_files("TRIPS_PATH", path))
