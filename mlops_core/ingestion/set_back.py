"""The hours that a wall clock shows twice, because clocks are set back in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_STEP = timedelta(minutes=15)
"""Zones change their clocks at full quarters of an hour."""


@cache
def repeated_hours(time_zone: str, first_year: int, last_year: int) -> tuple[tuple[datetime, datetime], ...]:
    """When the time begins and ends that the wall clock shows twice, of each set-back of these years, in order."""
    zone, day, hours = ZoneInfo(time_zone), datetime(first_year, 1, 1), []
    while day.year <= last_year:
        following = day + timedelta(days=1)
        if _offset(following, zone) < _offset(day, zone):
            quarters = [day + _STEP * n for n in range(timedelta(days=1) // _STEP)]
            twice = [at for at in quarters if _offset(at, zone) != _offset(at.replace(fold=1), zone)]
            hours.append((twice[0], twice[-1] + _STEP))
        day = following
    return tuple(hours)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.replace(tzinfo=zone).utcoffset() or timedelta()
