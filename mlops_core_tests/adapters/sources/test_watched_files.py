"""Files that are added, removed, touched or half written, and what random edits of them change."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from mlops_core.adapters.sources import file_watch
from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError, UnreadableEventsError
from mlops_core.adapters.spark import LocalSpark
from mlops_core.ingestion.changed_days import changed_days
from mlops_core.ingestion.day_summaries import summarised
from mlops_core_tests.adapters.sources.watching import SALES, Watching, arrow, differing_days, kinds, sale

DAY = {number: date(2024, 1, number) for number in range(1, 20)}


def write(folder: Path, name: str, rows: list[dict]) -> Path:
    folder.mkdir(exist_ok=True)
    pq.write_table(arrow(rows), folder / name)
    return folder / name


def test_a_folder_of_files_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    watching = Watching(tmp_path, tmp_path / "sales")
    first = write(watching.path, "1.parquet", [sale(1, 1), sale(2, 2)])
    second = write(watching.path, "2.parquet", [sale(3, 2), sale(4, 3)])
    state, held = watching.state(), watching.look().after
    assert watching.state() == state
    assert state.at is not None

    def moved(expected: dict[int, str]) -> None:
        nonlocal state, held
        now = watching.state()
        assert now.version != state.version
        found = watching.look(state, held)
        assert kinds(found) == {DAY[day]: kind for day, kind in expected.items()}
        state, held = now, found.after

    write(watching.path, "3.parquet", [sale(5, 4)])
    moved({4: "added"})
    second.unlink()
    moved({2: "changed", 3: "removed"})
    os.utime(first)
    moved({})
    first.rename(watching.path / "renamed.parquet")
    moved({})
    (watching.path / ".4.parquet.part").write_text("being written")
    assert watching.state() == state
    whole = write(watching.path, "5.parquet", [sale(6, 5)]).read_bytes()
    (watching.path / "5.parquet").write_bytes(whole[:-9])
    half = watching.state()
    assert half.version != state.version
    with pytest.raises(UnreadableEventsError, match=r"5\.parquet"):
        watching.look(state, held)
    (watching.path / "5.parquet").write_bytes(whole)
    assert watching.state().version != half.version
    moved({5: "added"})


def test_rows_without_a_day_are_no_change(tmp_path: Path) -> None:
    """Broken clocks; and a cell that is emptied after it could not be read is another row."""
    watching = Watching(tmp_path, tmp_path / "sales.csv")
    lines = ["sale_id,sold_at,paid_at,amount,shop", "1,2024-01-01 12:00:00,2024-01-01 13:00:00,10,A"]
    watching.path.write_text("\n".join([*lines, "2,2024-01-02 12:00:00,,abc,A"]))
    before = watching.look().after
    assert list(before.days) == [DAY[1], DAY[2]]
    broken = [
        "3,,2024-01-03 12:00:00,1,A",
        "4,1900-01-01,,,A",
        "5,0001-01-01,,,A",
        "6,nonsense,,1,A",
        "7,too,many,1,A,A",
    ]
    watching.path.write_text("\n".join([*lines, "2,2024-01-02 12:00:00,,,A", *broken, "8,9999-12-31 23:59:59,,,A"]))
    assert kinds(watching.look(before=before)) == {DAY[2]: "changed", date(9999, 12, 31): "added"}


def test_nothing_to_watch_is_a_sentence(tmp_path: Path) -> None:
    watching = Watching(tmp_path, tmp_path / "sales")
    with pytest.raises(SourceNotWatchableError, match="no sales at"):
        watching.state()
    watching.path.mkdir()
    with pytest.raises(SourceNotWatchableError, match=r"no data file in .*: point SALES_PATH to a folder"):
        watching.state()


def test_a_file_that_is_removed_meanwhile_is_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(tmp_path, tmp_path / "sales")
    write(watching.path, "1.parquet", [sale(1, 1)])
    listed = file_watch.data_files("SALES_PATH", watching.path)
    monkeypatch.setattr(file_watch, "data_files", lambda *_: listed)
    (watching.path / "1.parquet").rename(watching.path / "2.parquet")
    with pytest.raises(SourceUnansweredError, match=r"1\.parquet was removed while .*sales was looked at"):
        watching.state()


@st.composite
def rows(draw: DrawFn) -> list[dict]:
    """Few values, so that days often differ in one of them, or in how often a row is there."""
    a_sale = st.builds(
        sale,
        st.integers(1, 2),
        st.integers(1, 4),
        hour=st.sampled_from([0, 12, 23]),
        amount=st.sampled_from([None, 0.0, 10.0]),
        shop=st.sampled_from([None, "", "A"]),
    )
    return draw(st.lists(a_sale, max_size=8))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> LocalSpark:
    return LocalSpark(tmp_path_factory.mktemp("warehouse"), "edits")


@settings(max_examples=15, deadline=None)
@given(rows(), rows(), rows())
def test_random_edits_are_found(
    warehouse: LocalSpark, kept: list[dict], removed: list[dict], added: list[dict]
) -> None:
    session = warehouse.spark_session
    before, after = kept + removed, added + kept
    types = ", ".join(f"{name} {kind}" for name, kind in SALES.types.items())
    seen = (summarised(SALES, session.createDataFrame(arrow(each), types)) for each in (before, after))
    found = changed_days(*seen)
    assert {day: each.kind for day, each in found.by_day.items()} == differing_days(before, after)
