"""Far days in fewer runs: the nearest together, with the days between, which never double the work."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mlops_core.ingestion.day_ranges import DayRange, fewer, ranges_of

FIRST = date(2016, 1, 1)


def on(*days: int) -> tuple[DayRange, ...]:
    return ranges_of(FIRST + timedelta(days=each) for each in days)


def days_of(ranges: tuple[DayRange, ...]) -> set[int]:
    return {(each.first - FIRST).days + number for each in ranges for number in range(len(each))}


def test_few_far_days_stay_apart() -> None:
    assert fewer(on(0, 2, 9), 3) == on(0, 2, 9)


def test_of_many_the_nearest_are_taken_together() -> None:
    assert fewer(on(0, 2, 9, 10, 14), 2) == on(0, 1, 2, 9, 10, 11, 12, 13, 14)


def test_days_that_are_too_far_are_left_apart() -> None:
    assert fewer(on(0, 3, 100, 200), 1) == on(0, 1, 2, 3, 100, 200)


@given(st.sets(st.integers(0, 4_000)), st.integers(1, 20))
def test_every_day_is_built_and_not_many_others(days: set[int], most: int) -> None:
    before = on(*days)
    after = fewer(before, most)
    built = days_of(after)
    assert days <= built
    assert len(built) <= 2 * len(days)
    assert {min(days), max(days)} == {min(built), max(built)} if days else not built
    assert len(after) == len(before) or len(after) >= most
    assert sum(map(len, after)) == len(built)  # each once
