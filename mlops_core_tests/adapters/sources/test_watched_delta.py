"""What is done to a Delta table, and on which days its rows then differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from mlops_core.adapters.sources import watched
from mlops_core.adapters.sources.errors import SourceNotWatchableError
from mlops_core.adapters.tables import LocalTables
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.arrivals import DaySummaries
from mlops_core.ingestion.conform import conform
from mlops_core_tests.adapters.sources.watching import (
    FEED,
    SCHEMA,
    Watching,
    arrow,
    differing_days,
    january,
    kinds,
    sale,
)

ROWS = [
    *(sale(number, day, shop=shop) for number, (day, shop) in enumerate([(1, "A"), (1, "B"), (2, "A"), (3, None)])),
    sale(9, 4, amount=None),
]
DAY = {number: date(2024, 1, number) for number in range(1, 20)}


def of_all_but(number: int, row: dict) -> list[dict]:
    return [row if each["sale_id"] == number else each for each in ROWS]


EDITS: dict[str, tuple[Callable[[Watching], object], list[dict], dict[int, str]]] = {
    "a late row": (lambda w: w.write([sale(7, 2)], mode="append"), [*ROWS, sale(7, 2)], {2: "changed"}),
    "a new day": (lambda w: w.write([sale(7, 6)], mode="append"), [*ROWS, sale(7, 6)], {6: "added"}),
    "a correction": (
        lambda w: w.delta.update(predicate="sale_id = 2", updates={"amount": "11.5"}),
        of_all_but(2, sale(2, 2, amount=11.5)),
        {2: "changed"},
    ),
    "a label that arrives": (
        lambda w: w.delta.update(
            predicate="sale_id = 9", updates={"amount": "10.0", "paid_at": "sold_at + INTERVAL '1 hour'"}
        ),
        of_all_but(9, sale(9, 4)),
        {4: "changed"},
    ),
    "a correction of the time": (
        lambda w: w.delta.update(
            predicate="sale_id = 2",
            updates={"sold_at": "sold_at + INTERVAL '3 days'", "paid_at": "paid_at + INTERVAL '3 days'"},
        ),
        of_all_but(2, sale(2, 5)),
        {2: "removed", 5: "added"},
    ),
    "values that change places": (
        lambda w: w.delta.update(
            predicate="sale_id < 2", updates={"shop": "CASE WHEN sale_id = 0 THEN 'B' ELSE 'A' END"}
        ),
        [sale(0, 1, shop="B"), sale(1, 1, shop="A"), *ROWS[2:]],
        {1: "changed"},
    ),
    "a row once more": (lambda w: w.write([ROWS[0]], mode="append"), [*ROWS, ROWS[0]], {1: "changed"}),
    "a deleted row": (lambda w: w.delta.delete("sale_id = 0"), ROWS[1:], {1: "changed"}),
    "a deleted day": (lambda w: w.delta.delete("shop IS NULL"), [*ROWS[:3], ROWS[4]], {3: "removed"}),
    "written anew, the same": (lambda w: w.write(ROWS[::-1], mode="overwrite"), ROWS, {}),
    "compacted": (lambda w: w.delta.optimize.compact(), ROWS, {}),
    "vacuumed": (
        lambda w: (w.delta.optimize.compact(), w.vacuum()),
        ROWS,
        {},
    ),
    "restored": (lambda w: w.delta.restore(0), ROWS[:2], {2: "removed", 3: "removed", 4: "removed"}),
    "made anew": (
        lambda w: (shutil.rmtree(w.path), w.write([*ROWS, sale(7, 8)])),
        [*ROWS, sale(7, 8)],
        {8: "added"},
    ),
}


def delivered(folder: Path, feed: bool) -> Watching:
    """Three versions of a table."""
    watching = Watching(folder, folder / "sales")
    watching.write(ROWS[:2], configuration=FEED if feed else {})
    for rows in (ROWS[2:4], ROWS[4:]):
        watching.write(rows, mode="append")
    return watching


TOLD_BY_THE_FEED = (
    "a correction of the time",
    "a deleted day",
    "written anew, the same",
    "compacted",
    "restored",
    "made anew",
)


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, tuple[Watching, DaySummaries]]:
    """A table without a change data feed and one with it, and a look at each."""
    folder = tmp_path_factory.mktemp("seen")
    seen = {feed: delivered(folder / str(feed), feed) for feed in (False, True)}
    return {feed: (watching, watching.look().after) for feed, watching in seen.items()}


@pytest.mark.parametrize(
    ("name", "feed"), [*((name, False) for name in EDITS), *((name, True) for name in TOLD_BY_THE_FEED)]
)
def test_the_days_whose_rows_differ_are_found(
    looks: dict[bool, tuple[Watching, DaySummaries]],
    name: str,
    feed: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, before = looks[feed]
    watching = Watching(first.folder, tmp_path / "sales")
    shutil.copytree(first.path, watching.path)
    edit, rows, expected = EDITS[name]
    since = watching.state()
    edit(watching)
    assert not watching.state().is_version_of(since)
    with caplog.at_level("INFO", watched.__name__):
        found = watching.look(since, before)
    assert kinds(found) == {DAY[day]: kind for day, kind in expected.items()} == differing_days(ROWS, rows)
    assert sum(day.rows for day in found.after.days.values()) == len(rows)
    assert ("change data feed" in caplog.text) == (feed and name != "made anew")
    assert not feed or found.after == watching.look().after


def test_a_first_look_compares_with_what_the_pipeline_took_in(tmp_path: Path) -> None:
    watching = delivered(tmp_path, feed=False)
    watching.write([sale(0, 1), sale(20, 3, hour=23, amount=float("nan"))], mode="append")  # a duplicate, a bad value
    nothing_taken = watching.look()
    assert kinds(nothing_taken) == dict.fromkeys((DAY[day] for day in (1, 2, 3, 4)), "added")
    assert nothing_taken.changed.why == "first look"
    events, tables = watching.times.events, LocalTables(watching.spark)
    taken = accept(events, conform(events, watching.source.read()))
    for table, rows in zip((events.name, events.rejected_name), taken, strict=True):
        tables.replace(table, rows, None, ["day"])
    assert watching.look().changed.days == ()
    assert kinds(watching.look(last_built=DAY[3])) == {DAY[4]: "added"}  # taken in before the day was over
    watching.delta.delete("sale_id = 2")
    watching.write([sale(21, 4)], mode="append")
    assert kinds(watching.look()) == {DAY[2]: "removed", DAY[4]: "changed"}


def test_a_feed_that_was_turned_on_later_or_lost_its_files_is_not_relied_on(tmp_path: Path) -> None:
    watching = delivered(tmp_path, feed=False)
    since, before = watching.state(), watching.look().after
    watching.write([sale(30, 2)], mode="append")
    watching.delta.alter.set_table_properties(FEED)
    watching.delta.delete("sale_id = 9")
    assert kinds(watching.look(since, before)) == {DAY[2]: "changed", DAY[4]: "removed"}
    watching.delta.update(predicate="sale_id = 1", updates={"amount": "1.0"})
    watching.write([*ROWS[:3], sale(31, 3)], mode="overwrite")
    shutil.rmtree(watching.path / "_change_data", ignore_errors=True)
    watching.vacuum()
    found = watching.look(since, before)
    assert kinds(found) == {DAY[3]: "changed", DAY[4]: "removed"} == differing_days(ROWS, [*ROWS[:3], sale(31, 3)])


def test_a_new_column_of_the_source_is_no_change(tmp_path: Path) -> None:
    watching = delivered(tmp_path, feed=True)
    since, before = watching.state(), watching.look().after
    more = pa.Table.from_pylist([sale(30, 6) | {"till": 4}])
    write_deltalake(watching.path, more, mode="append", schema_mode="merge")
    assert kinds(watching.look(since, before)) == {DAY[6]: "added"}


def test_a_version_that_was_made_while_it_was_looked_at_is_found_the_next_time(tmp_path: Path) -> None:
    watching = delivered(tmp_path, feed=True)
    since, before = watching.state(), watching.look().after
    watching.write([sale(30, 2)], mode="append")
    state = watching.state()
    watching.write([sale(31, 3)], mode="append")
    found = watching.look(since, before)
    assert kinds(found) == {DAY[2]: "changed", DAY[3]: "changed"}
    again = watching.look(state, found.after)
    assert again.changed.days == ()
    assert again.after == found.after


def test_days_are_those_of_the_events_clock(tmp_path: Path) -> None:
    watching = Watching(tmp_path, tmp_path / "sales").read_as("UTC")
    moments = arrow([sale(1, 10, hour=3)])  # 22:00 of January 9 in New York
    for place, name in ((1, "sold_at"), (2, "paid_at")):
        moments = moments.set_column(place, name, moments[name].cast(pa.timestamp("us", "UTC")))
    write_deltalake(watching.path, moments, configuration=FEED)
    since, before = watching.state(), watching.look().after
    assert list(before.days) == [DAY[9]]
    assert before.days[DAY[9]].newest == january(9, 23)
    watching.delta.update(predicate="sale_id = 1", updates={"amount": "1.0"})
    assert kinds(watching.look(since, before)) == {DAY[9]: "changed"}
    elsewhere = watching.read_as("wall_clock_as_utc")
    assert elsewhere.state().identity != since.identity
    assert kinds(elsewhere.look(since, before)) == {DAY[9]: "removed", DAY[10]: "added"}


@pytest.mark.parametrize("feed", [False, True])
def test_days_on_which_the_clock_changes_are_whole(tmp_path: Path, feed: bool) -> None:
    """New York's 2024-03-10 had 23 hours, its 2024-11-03 had 25, with one hour twice; moments, labelled UTC."""
    watching = Watching(tmp_path, tmp_path / "sales").read_as("UTC")
    stamps = pa.timestamp("us", "UTC")
    schema = SCHEMA.set(1, SCHEMA.field(1).with_type(stamps)).set(2, SCHEMA.field(2).with_type(stamps))

    def sold(number: int, moment: str) -> pa.Table:
        at = datetime.fromisoformat(f"{moment}+00:00")
        row = {"sale_id": number, "sold_at": at, "paid_at": at, "amount": 1.0, "shop": "A"}
        return pa.Table.from_pylist([row], schema)

    write_deltalake(watching.path, sold(0, "2024-01-01T12:00"), configuration=FEED if feed else {})
    since, before = watching.state(), watching.look().after
    moments = [  # the first and the last minute of both days, and both times that it was half past one
        *("2024-03-10T05:00", "2024-03-11T03:59", "2024-11-03T04:00"),
        *("2024-11-03T05:30", "2024-11-03T06:30", "2024-11-04T04:59"),
    ]
    for number, moment in enumerate(moments, start=1):
        write_deltalake(watching.path, sold(number, moment), mode="append")
    found = watching.look(since, before)
    spring, autumn = date(2024, 3, 10), date(2024, 11, 3)
    assert kinds(found) == {spring: "added", autumn: "added"}
    assert {day: (each.rows, each.newest) for day, each in found.after.days.items() if day in (spring, autumn)} == {
        spring: (2, datetime(2024, 3, 10, 23, 59)),
        autumn: (4, datetime(2024, 11, 3, 23, 59)),
    }
    assert found.after == watching.look().after


def test_a_version_whose_writer_does_not_say_when_it_was_made_is_one(tmp_path: Path) -> None:
    """Delta asks no writer for `commitInfo`, and a checkpoint has none."""
    watching = delivered(tmp_path, feed=False)
    said, log = watching.state(), watching.path / "_delta_log"
    watching.delta.create_checkpoint()
    for commit in log.glob("*.json"):
        commit.write_text("\n".join(line for line in commit.read_text().splitlines() if "commitInfo" not in line))
    assert watching.state() == replace(said, at=None)
    for commit in log.glob("*.json"):
        commit.unlink()
    assert watching.state() == replace(said, at=None)


def test_a_table_that_is_gone_is_not_watched(tmp_path: Path) -> None:
    watching = delivered(tmp_path, feed=False)
    watching.path.rename(tmp_path / "renamed")
    with pytest.raises(SourceNotWatchableError, match=r"no sales at .*sales: set SALES_PATH to"):
        watching.state()
