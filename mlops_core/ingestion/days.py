"""Which events a run takes: those of some days, so that a new day costs the same however many went before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame

from mlops_core.project import EventTable


@dataclass(frozen=True)
class EventDays:
    """Days of events, both included; an end that is None is open.

    The day of an event is that of its time; of the time at which it was known, when it has no other; and an event
    without any time is of every day.
    """

    first: date | None = None
    last: date | None = None

    @property
    def within(self) -> str:
        """The events whose day is one of these, in SQL over `day`."""
        return self._between("day", "DATE") or "true"

    @property
    def replaced(self) -> str | None:
        """The rows that events of these days replace, in SQL over `day`; None when it is all rows."""
        between = self._between("day", "DATE")
        return f"({between}) OR day IS NULL" if between else None

    def of(self, events: EventTable, rows: DataFrame) -> DataFrame:
        """The rows that are of these days; their times may be with or without a zone.

        The columns are compared as they are, so that the engine may skip files by their times.
        """
        types, time, known = dict(rows.dtypes), events.event_time, events.known_at
        by_time, by_known = (self._between(name, types[name].upper()) for name in (time, known))
        if by_time is None:
            return rows
        return rows.where(f"({by_time}) OR {time} IS NULL AND (({by_known}) OR {known} IS NULL)")

    def __str__(self) -> str:
        """To be put behind a noun: empty for all days, else ' from 2016-01-30 to 2016-02-29' or one half of it."""
        return "".join(f" {word} {day}" for word, day in (("from", self.first), ("to", self.last)) if day)

    def _between(self, column: str, kind: str) -> str | None:
        ends = [f"{column} >= {kind}'{self.first}'"] if self.first else []
        ends += [f"{column} < {kind}'{self.last + timedelta(days=1)}'"] if self.last else []
        return " AND ".join(ends) or None


ALL_DAYS = EventDays()
