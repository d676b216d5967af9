"""What TRIPS_PATH may say, and what it finds: every data file is read, or the path is refused with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_core.adapters.sources import source_path
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core_tests.adapters.odd_names import ODD_NAMES
from mlops_core_tests.adapters.sources.landed import named
from my_mlops_stacks_tests.adapters.sources.sample import EVENTS, TRIPS, good_rows, is_sample, source_rows


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "in" / "trips.csv"
    file.parent.mkdir()
    TRIPS.to_csv(file, index=False)
    return file


def test_relative_home_and_address(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (csv.parent / "work").mkdir()
    monkeypatch.chdir(csv.parent / "work")
    monkeypatch.setenv("HOME", str(csv.parent))
    for given in (
        "../trips.csv",
        "~/trips.csv",
        f"file://{csv}",
        f"file:{csv}",
        f"file://localhost{csv}",
        csv.as_uri(),
    ):
        assert is_sample(good_rows(given))


@pytest.mark.parametrize("name", [*ODD_NAMES, "%20", "a+b", "day=1"])
def test_odd_names(csv: Path, name: str) -> None:
    odd = csv.parent / name
    odd.mkdir()
    moved = csv.rename(odd / f"{name}.csv")
    assert is_sample(good_rows(odd))
    assert is_sample(good_rows(moved))
    assert is_sample(good_rows(moved.as_uri()))


@pytest.mark.parametrize(
    "given", ["s3://lake/trips", "abfss://c@a.dfs.core.windows.net/t", "dbfs:/trips", "https://x.y/t.csv", "file://h/t"]
)
def test_other_machines_are_refused_with_what_to_do(given: str) -> None:
    with pytest.raises(
        UnreadableEventsError, match=f"TRIPS_PATH is {given}, which is not on this machine: copy the files"
    ):
        source_rows(given)


def test_a_pattern_is_refused(csv: Path) -> None:
    with pytest.raises(FileNotFoundError, match="patterns are not expanded: set TRIPS_PATH to the folder"):
        source_rows(csv.parent / "*.csv")


@pytest.mark.parametrize("name", ["trips.parquet", "folder", "trips2.csv"])
def test_a_missing_path(csv: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"no trips at {csv.parent / name}: set TRIPS_PATH"):
        source_rows(csv.parent / name)


@pytest.mark.parametrize("given", ["x" * 5000, f"{'x' * 300}.csv"])
def test_what_is_no_path_is_refused(given: str) -> None:
    with pytest.raises(UnreadableEventsError, match="where nothing can be read"):
        source_path.resolve(EVENTS, named(EVENTS, given))


def test_an_unknown_home() -> None:
    with pytest.raises(UnreadableEventsError, match="no such home folder"):
        source_rows("~nobody-of-this-name/trips.csv")


def test_sub_folders_beside_what_other_programs_leave(tmp_path: Path) -> None:
    for part, rows in (("2016/01", TRIPS[:2]), ("2016/02", TRIPS[2:])):
        (tmp_path / part).mkdir(parents=True)
        rows.to_csv(tmp_path / part / "trips.csv", index=False)
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".unfinished.csv").write_text("half a li")
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "part.parquet").write_text("not parquet")
    assert is_sample(good_rows(tmp_path))


def test_links_to_files_and_folders_are_followed(csv: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "trips.csv").symlink_to(csv)
    (tmp_path / "b" / "linked").symlink_to(csv.parent)
    assert is_sample(good_rows(tmp_path / "a")) and is_sample(good_rows(tmp_path / "b"))


def test_a_link_to_nothing_is_refused(csv: Path) -> None:
    (csv.parent / "more.csv").symlink_to(csv.parent / "gone.csv")
    for path in (csv.parent, csv.parent / "more.csv"):
        with pytest.raises(FileNotFoundError, match="more.csv is a link to .*gone.csv, which does not exist"):
            source_rows(path)


def test_a_link_that_would_read_a_folder_twice_is_refused(csv: Path) -> None:
    (csv.parent / "again").symlink_to(csv.parent)
    with pytest.raises(UnreadableEventsError, match="again is a link to a folder that is read already"):
        source_rows(csv.parent)


def test_a_pipe_is_refused(csv: Path) -> None:
    os.mkfifo(csv.parent / "pipe.csv")
    for path in (csv.parent, csv.parent / "pipe.csv"):
        with pytest.raises(UnreadableEventsError, match="pipe.csv is not a file with data"):
            source_rows(path)


@pytest.mark.parametrize("hidden", ["_SUCCESS", ".trips.csv"])
def test_a_folder_of_hidden_files(tmp_path: Path, hidden: str) -> None:
    (tmp_path / hidden).touch()
    with pytest.raises(FileNotFoundError, match=rf"no data file in {tmp_path} \(names such as {hidden}, .* are hidden"):
        source_rows(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with pytest.raises(FileNotFoundError, match=f"no data file in {tmp_path}: point TRIPS_PATH"):
        source_rows(tmp_path)


def test_several_formats(csv: Path) -> None:
    TRIPS.to_parquet(csv.parent / "a.parquet")
    with pytest.raises(
        UnreadableEventsError, match=r"have \.csv \(trips.csv\), \.parquet \(a.parquet\): point TRIPS_PATH"
    ):
        source_rows(csv.parent)


@pytest.mark.parametrize(("name", "found"), [("trips.xlsx", r"\.xlsx"), ("trips", "no suffix")])
def test_an_unknown_format(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(UnreadableEventsError, match=f"have {found} .{name}.: point TRIPS_PATH to files that are all"):
        source_rows(tmp_path / name)
