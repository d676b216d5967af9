"""Quartz schedules in UTC, held against the moments that croniter's sister and the zone's own clock give."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from mlops_core.cli.new.mlops_stacks.quartz import ScheduleError, cron_of

STANDARD = {"Europe/Berlin": 1, "America/New_York": 1, "Asia/Tokyo": 1, "Asia/Kolkata": 1, "Australia/Sydney": 7}
"""A month in which each zone has its standard time."""


@pytest.mark.parametrize("zone", STANDARD)
@pytest.mark.parametrize("hour", [0, 1, 7, 12, 23])
@pytest.mark.parametrize("weekday", ["?", "MON", "1", "2-6", "SAT,SUN", "FRI-MON"])
def test_the_same_moments(zone: str, hour: int, weekday: str) -> None:
    cron, _ = cron_of(f"0 40 {hour} ? * {weekday}".replace("? * ?", "* * ?"), zone)
    ticks = CronSim(cron, datetime(2025, STANDARD[zone], 3, tzinfo=UTC))
    local = [next(ticks).astimezone(ZoneInfo(zone)) for _ in range(7)]
    names = {"?": "0123456", "MON": "0", "1": "6", "2-6": "01234", "SAT,SUN": "56", "FRI-MON": "4560"}
    assert {(tick.hour, tick.minute) for tick in local} == {(hour, 40)}
    assert {str(tick.weekday()) for tick in local} == set(names[weekday])


def test_days_of_the_month_stay() -> None:
    assert cron_of("0 15 9 1,15 * ?", "UTC") == ("15 9 1,15 * *", None)
    assert cron_of("0 0 9 1 JAN ? *", "Asia/Tokyo") == ("0 0 1 JAN *", None)


@pytest.mark.parametrize(
    ("quartz", "zone", "why"),
    [
        ("0 0 9 * *", "UTC", "is not the six fields of a Quartz schedule"),
        ("", "UTC", "is not the six fields"),
        ("0 0 9 * * ? 2025", "UTC", "is not the six fields"),
        ("0 0/15 * * * ?", "UTC", "has not one tick a day"),
        ("0 0 9,17 * * ?", "UTC", "has not one tick a day"),
        ("0 0 9 ? * 2#1", "UTC", "uses what only Quartz knows"),
        ("0 0 9 15W * ?", "UTC", "uses what only Quartz knows"),
        ("0 0 25 * * ?", "UTC", "names no time of a day"),
        ("0 60 9 * * ?", "UTC", "names no time of a day"),
        ("0 0 9 ? * 9", "UTC", "names no weekday with 9"),
        ("0 0 1 1 * ?", "Asia/Tokyo", "is on another day of the month in UTC than in Asia/Tokyo"),
        ("0 0 9 * * ?", "Mars/Olympus", "is in the unknown time zone Mars/Olympus"),
    ],
)
def test_what_no_daily_job_has(quartz: str, zone: str, why: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        cron_of(quartz, zone)
    assert str(refused.value).startswith(why)
