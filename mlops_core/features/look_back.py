"""How far before a day the rows of its features read."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta


def first_read(first_day: date, back: timedelta) -> date:
    """The day of the events that happened `back` before `first_day` began."""
    return (datetime.combine(first_day, time()) - back).date()
