"""How old the newest row of a source is, by the clock of the events, over changes of that clock too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.ingestion.freshness import Reading, age, verdict
from mlops_core_tests.flights.events import FLIGHTS


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        (datetime(2013, 2, 1, 12), 0),  # 17:00 UTC
        (datetime(2013, 2, 1, 0), 12),
    ],
)
def test_a_wall_clock_is_read_in_its_zone(moment: datetime, hours: int) -> None:
    assert age(FLIGHTS, moment, datetime(2013, 2, 1, 17, tzinfo=UTC)) == timedelta(hours=hours)


def test_a_day_has_23_or_25_hours_when_the_clock_changes() -> None:
    """New York went over to summer time on 2013-03-10 and back on 2013-11-03."""
    spring, autumn = datetime(2013, 3, 10, 16, tzinfo=UTC), datetime(2013, 11, 3, 17, tzinfo=UTC)  # noon in New York
    assert age(FLIGHTS, datetime(2013, 3, 9, 12), spring) == timedelta(hours=23)
    assert age(FLIGHTS, datetime(2013, 11, 2, 12), autumn) == timedelta(hours=25)


def test_an_hour_that_comes_twice_is_taken_for_the_first() -> None:
    now = datetime(2013, 11, 3, 7, tzinfo=UTC)  # 02:00 in New York, an hour after 01:30 was there again
    assert age(FLIGHTS, datetime(2013, 11, 3, 1, 30), now) == timedelta(hours=1, minutes=30)


def test_a_weekend_is_within_a_limit_that_says_so() -> None:
    friday, monday = datetime(2013, 2, 1, 23, 30), datetime(2013, 2, 4, 17, tzinfo=UTC)
    found = {hours: verdict(FLIGHTS, Reading(friday, 0), hours, None, monday)[0] for hours in (36, 60.5, 72)}
    assert found == {36: False, 60.5: True, 72: True}


def test_minutes_are_told_below_an_hour() -> None:
    now = datetime(2013, 2, 1, 17, tzinfo=UTC)
    assert verdict(FLIGHTS, Reading(datetime(2013, 2, 1, 11, 15), 0), 0.5, None, now) == (
        False,
        "The newest of the flights is of 2013-02-01 11:15, 45 minutes ago: it should be at most 0.5 hours old",
    )
