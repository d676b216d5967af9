"""Which errors mean that another writer was faster, and what happens then."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import tenacity

from mlops_core.adapters.tables import commits, committed, is_commit_conflict
from mlops_core_tests.adapters.test_tables import days


@pytest.mark.parametrize(
    "message",
    [
        "Failed to commit transaction: 3",
        "Missing commit file: expected version 0, found 4",
        "[DELTA_CONCURRENT_APPEND.WITH_PARTITION_HINT] ConcurrentAppendException: Files were added to partition",
        "[DELTA_CONCURRENT_DELETE_READ] This transaction attempted to read one or more files that were deleted",
        "[DELTA_METADATA_CHANGED] MetadataChangedException: The metadata of the Delta table has been changed",
        "[DELTA_PROTOCOL_CHANGED] ProtocolChangedException: The protocol version of the Delta table has been changed",
    ],
)
def test_a_lost_race_is_a_conflict(message):
    assert is_commit_conflict(RuntimeError(message))


@pytest.mark.parametrize(
    "message",
    [
        "[FIELD_ALREADY_EXISTS] Cannot add column, because `fare` already exists in STRUCT<day: DATE, fare: DOUBLE>",
        "[SCHEMA_ALREADY_EXISTS] Cannot create schema `main`.`taxi` because it already exists",
        "[TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create table or view `t` because it already exists",
    ],
)
def test_what_stays_as_it_is_is_no_conflict(message):
    assert not is_commit_conflict(RuntimeError(message))


class Losing:
    """A write that loses some races, then raises or is done."""

    def __init__(self, races: int, end: Exception | None = None) -> None:
        self.races, self.end = races, end

    def __call__(self) -> str:
        self.races -= 1
        if self.races >= 0:
            raise RuntimeError("Failed to commit transaction: 1")
        if self.end:
            raise self.end
        return "done"


def test_lost_races_are_told_once_there_are_many(caplog, monkeypatch):
    monkeypatch.setattr(tenacity, "wait_random_exponential", lambda **_: lambda _: 0)
    caplog.set_level(logging.DEBUG, commits.__name__)
    assert committed(Losing(7)) == "done"
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * 5 + ["INFO"] * 2
    assert "7 times by now: Failed to commit transaction: 1" in caplog.messages[-1]


def test_another_error_ends_it(monkeypatch):
    monkeypatch.setattr(tenacity, "wait_random_exponential", lambda **_: lambda _: 0)
    with pytest.raises(ValueError, match="no such column"):
        committed(Losing(2, ValueError("no such column")))


def test_writers_that_add_the_same_column_at_once_both_land(tables):
    tables.replace("t", days(tables, "2016-01-01"), "day = DATE'2016-01-01'", ["day"])

    def write(day: int) -> None:
        rows = days(tables, f"2016-01-0{day}", value=day).selectExpr("*", f"{day}.5D AS fare", f"{day} AS only_{day}")
        tables.replace("t", rows, f"day = DATE'2016-01-0{day}'", ["day"])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, (2, 3, 4)))
    found = tables.read("t").orderBy("day").select("value", "fare", "only_2", "only_3", "only_4").collect()
    assert [tuple(row) for row in found] == [
        (1, None, None, None, None),
        (2, 2.5, 2, None, None),
        (3, 3.5, None, 3, None),
        (4, 4.5, None, None, 4),
    ]
