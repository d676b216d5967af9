"""When clocks are set back: days as New York and others announced them."""

from __future__ import annotations

from datetime import datetime

import pytest

from mlops_core.ingestion.set_back import repeated_hours


@pytest.mark.parametrize("day", ["2009-11-01", "2010-11-07", "2015-11-01", "2016-11-06", "2025-11-02"])
def test_new_york_shows_the_hour_from_one_to_two_twice(day: str) -> None:
    begin, end = datetime.fromisoformat(f"{day} 01:00"), datetime.fromisoformat(f"{day} 02:00")
    year = begin.year
    assert repeated_hours("America/New_York", year, year) == ((begin, end),)
    assert (begin, end) in repeated_hours("America/New_York", 2009, 2026)


def test_before_2007_it_was_in_october() -> None:
    assert repeated_hours("America/New_York", 2006, 2006) == ((datetime(2006, 10, 29, 1), datetime(2006, 10, 29, 2)),)


def test_an_island_sets_back_by_half_an_hour() -> None:
    found = repeated_hours("Australia/Lord_Howe", 2016, 2016)
    assert found == ((datetime(2016, 4, 3, 1, 30), datetime(2016, 4, 3, 2)),)


def test_utc_never_does() -> None:
    assert repeated_hours("UTC", 2009, 2026) == ()
