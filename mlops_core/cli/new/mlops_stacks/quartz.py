"""Quartz schedules of Databricks jobs as five cron fields in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from mlops_core.config import Workflow

WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
DAYS = re.compile(r"(\w+)(?:-(\w+))?")
HALF_YEARS = (datetime(2025, 1, 15, 12), datetime(2025, 7, 15, 12))
SIX, SEVEN = 6, 7
MINUTES, HOURS = 60, 24


class ScheduleError(ValueError):
    """A schedule that no daily job has; the message ends a sentence that names it."""


def cron_of(quartz: str, zone: str) -> tuple[str, str | None]:
    """Five cron fields in UTC, and a remark where the zone's clocks are moved twice a year.

    Raises:
        ScheduleError: it is no schedule with one tick a day, or none that UTC can say.
    """
    fields = quartz.split()
    if len(fields) not in (SIX, SEVEN) or (len(fields) == SEVEN and fields[6] != "*"):
        raise ScheduleError("is not the six fields of a Quartz schedule")
    minute, hour, day, month, weekday = ("*" if field == "?" else field for field in fields[1:6])
    if not (minute.isdigit() and hour.isdigit()):
        raise ScheduleError("has not one tick a day, and a day's run is started once")
    if int(minute) >= MINUTES or int(hour) >= HOURS:
        raise ScheduleError("names no time of a day")
    shift, remark = _offset(zone, f"{int(hour):02d}:{int(minute):02d}")
    moment = int(hour) * MINUTES + int(minute) - shift
    days, moment = divmod(moment, MINUTES * HOURS)
    if days and (day, month) != ("*", "*"):
        raise ScheduleError(f"is on another day of the month in UTC than in {zone}")
    weekdays = "*" if weekday == "*" else _weekdays(weekday, days)
    cron = f"{moment % MINUTES} {moment // MINUTES} {day} {month} {weekdays}"
    try:
        _ = Workflow(cron_schedule=cron)
    except ValidationError:
        raise ScheduleError("uses what only Quartz knows, such as L, W or #") from None
    return cron, remark


def _offset(zone: str, clock: str) -> tuple[int, str | None]:
    """Minutes that the zone is ahead of UTC in standard time, and what to say where clocks are moved."""
    try:
        known = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"is in the unknown time zone {zone}") from None
    offsets = sorted({moment.replace(tzinfo=known).utcoffset() or timedelta(0) for moment in HALF_YEARS})
    minutes = int(offsets[0].total_seconds()) // 60
    if len(offsets) == 1:
        return minutes, None
    standard, moved = (_in_utc(clock, offset) for offset in offsets)
    return minutes, f"{clock} in {zone} is {standard} UTC, and {moved} in summer: {standard} is taken"


def _in_utc(clock: str, offset: timedelta) -> str:
    moment = datetime.strptime(clock, "%H:%M").replace(tzinfo=UTC) - offset
    return f"{moment:%H:%M}"


def _weekdays(field: str, days: int) -> str:
    """Quartz counts from 1, Sunday; cron from 0. `days` are those by which UTC is later."""
    named: list[int] = []
    for part in field.upper().split(","):
        match = DAYS.fullmatch(part)
        if not match:
            raise ScheduleError("uses what only Quartz knows, such as L, W or #")
        first, last = (_number(name) for name in (match[1], match[2] or match[1]))
        named += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return ",".join(WEEK[number] for number in sorted({(number + days) % 7 for number in named}))


def _number(name: str) -> int:
    if name in WEEK:
        return WEEK.index(name)
    if name.isdigit() and 1 <= int(name) <= len(WEEK):
        return int(name) - 1
    raise ScheduleError(f"names no weekday with {name}")
