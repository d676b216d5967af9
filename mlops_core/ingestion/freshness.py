"""Whether the newest rows of a source are as new as they should be, by what was read of it last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from mlops_core.project import EventTable

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Reading:
    """What was read of a source.

    Args:
        newest: Time of its newest row, by the clock of the events; None where it had none.
        at: When it was read, in seconds since 1970.
    """

    newest: datetime | None
    at: float


def verdict(
    events: EventTable, reading: Reading | None, hours: float, last_day: date | None, now: datetime
) -> tuple[bool, str]:
    """Whether the newest row is at most `hours` old, and why.

    Args:
        reading: None where nothing has been read yet: that is no pass.
        last_day: The last day that is built, where days end: nothing is awaited after it.
        now: With a time zone.
    """
    if reading is None:
        return False, f"Nothing has been read of the {events.nouns} yet"
    if reading.newest is None:
        return False, f"There were no {events.nouns} when they were read at {utc(reading.at)}"
    newest = f"The newest of the {events.nouns} is of {reading.newest:%Y-%m-%d %H:%M}"
    if last_day and reading.newest.date() >= last_day:
        return True, f"{newest}, and {last_day} is the last day that is built"
    old = max(age(events, reading.newest, now), timedelta())
    passed = old <= timedelta(hours=hours)
    limit = f", of at most {hours:g}" if passed else f": it should be at most {hours:g} hours old"
    return passed, f"{newest}, {_in_hours(old)} ago{limit}"


def age(events: EventTable, moment: datetime, now: datetime) -> timedelta:
    """How long ago a time of the events was: of the two that a clock set back shows twice, the first."""
    return now - moment.replace(tzinfo=ZoneInfo(events.time_zone), fold=0).astimezone(UTC)


def utc(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def _in_hours(old: timedelta) -> str:
    minutes = old // MINUTE
    return f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} hours"  # noqa: PLR2004 - an hour has 60 minutes
