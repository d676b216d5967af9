"""What two looks at a source say together, and how it is stored."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_core.ingestion.arrivals import DaySummaries, DaySummary, SourceState
from mlops_core.ingestion.changed_days import ChangedDays, DayChange, changed_days

FIRST = date(2024, 1, 1)
NOON = datetime(2024, 1, 1, 12)


def summaries(rows: dict[int, int], kind: str = "k", late: dict[int, datetime] | None = None) -> DaySummaries:
    """Number of a day -> its rows, the newest of them at noon unless it is in `late`."""
    newest = {day: (late or {}).get(day, NOON + timedelta(days=day)) for day in rows}
    days = {FIRST + timedelta(days=day): DaySummary(n, newest[day], f"{n:x}") for day, n in rows.items()}
    return DaySummaries(kind, days)


def test_why_is_said_for_people() -> None:
    before, after = summaries({0: 10, 1: 5, 2: 3}), summaries({0: 10, 1: 1005, 3: 4})
    assert changed_days(before, after).why == "1 day changed, 1 removed, 1 added; rows +1,001"
    assert changed_days(None, after).why == "first look"
    assert changed_days(summaries({0: 10}, "other"), after).why == "other columns or times are read than before"
    assert changed_days(after, after) == ChangedDays()


def test_summaries_that_cannot_be_compared_tell_every_day() -> None:
    after = summaries({0: 10, 1: 5})
    found = changed_days(summaries({0: 10, 2: 5}, "other"), after)
    assert [each.kind for _, each in sorted(found.by_day.items())] == ["changed", "added", "removed"]
    with pytest.raises(ValueError, match="summarise all days"):
        after.updated(after.days, summaries({0: 1}, "other"))


def test_a_changed_day_follows_the_newest_day_that_had_ended() -> None:
    late = {1: NOON + timedelta(days=4)}  # a row of day 1 was known on day 4
    found = changed_days(summaries({0: 1, 1: 1, 2: 1}, late=late), summaries({0: 1, 1: 1, 3: 1, 6: 1}, late=late))
    days = {(day - FIRST).days: each for day, each in found.by_day.items()}
    follows = {number: (each.follows - FIRST).days if each.follows else None for number, each in days.items()}
    assert follows == {2: 0, 3: 0, 6: 1}
    assert {number: each.kind for number, each in days.items()} == {2: "removed", 3: "added", 6: "added"}
    assert changed_days(None, summaries({4: 1})).by_day[FIRST + timedelta(days=4)].follows is None


def test_two_looks_are_one_change() -> None:
    first = changed_days(summaries({0: 1}), summaries({0: 1, 1: 1}))
    second = changed_days(summaries({0: 1, 1: 1}), summaries({0: 2}))
    both = first.merged(second)
    assert {day.day: each.kind for day, each in both.by_day.items()} == {1: "changed", 2: "changed"}
    assert both.why == "1 day added; rows +1; then 1 day changed, 1 removed; rows +0"
    assert (both.until(FIRST).days, both.after(FIRST).days) == ((FIRST,), (FIRST + timedelta(days=1),))
    assert first.merged(ChangedDays()) == ChangedDays().merged(first) == first


numbers = st.dictionaries(st.integers(0, 40), st.integers(1, 10**12), max_size=20)


@settings(max_examples=50, deadline=None)
@given(numbers, numbers)
def test_what_is_stored_is_read_back(before: dict[int, int], after: dict[int, int]) -> None:
    held, found = summaries(before), summaries(after)
    assert DaySummaries.from_text(held.to_text()) == held
    change = changed_days(held, found)
    assert ChangedDays.from_json(change.to_json()) == change
    assert held.updated(change.days, found) == found
    assert change.days == tuple(sorted(d for d in {*held.days, *found.days} if held.days.get(d) != found.days.get(d)))


def test_ten_years_of_days_take_little_room() -> None:
    days = {FIRST + timedelta(days=n): DaySummary(n, NOON, f"{hash((n, 'x')) % 2**64:x}") for n in range(3650)}
    assert len(DaySummaries("k", days).to_text()) < 130_000


def test_a_state_is_another_version_or_another_table() -> None:
    state = SourceState("id", "3", NOON)
    assert SourceState.from_json(state.to_json()) == state
    assert SourceState.from_json(SourceState("", "x").to_json()).at is None
    assert state.is_version_of(SourceState("id", "3"))
    assert not state.is_version_of(SourceState("id", "4", NOON))
    assert not state.is_version_of(SourceState("other", "3", NOON))
    assert ChangedDays.of([FIRST]).by_day == {FIRST: DayChange("changed")}
