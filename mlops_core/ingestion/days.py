"""Which trips a run takes: those of some days, so that a new day costs the same however many went before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame

from my_mlops_stacks.events import TRIPS

PICKUP, DROPOFF = TRIPS.event_time, TRIPS.known_at


@dataclass(frozen=True)
class TripDays:
    """Days of trips, both included; an end that is None is open.

    The day of a trip is that of its pickup; of its drop-off, when it has no pickup time; and a trip without any time is
    of every day.
    """

    first: date | None = None
    last: date | None = None

    @property
    def within(self) -> str:
        """The trips whose day is one of these, in SQL over `day`."""
        return self._between("day", "DATE") or "true"

    @property
    def replaced(self) -> str | None:
        """The rows that trips of these days replace, in SQL over `day`; None when it is all rows."""
        between = self._between("day", "DATE")
        return f"({between}) OR day IS NULL" if between else None

    def of(self, trips: DataFrame) -> DataFrame:
        """The rows of `trips` that are of these days; its times may be with or without a zone.

        The columns are compared as they are, so that the engine may skip files by their times.
        """
        types = dict(trips.dtypes)
        by_pickup, by_dropoff = (self._between(time, types[time].upper()) for time in (PICKUP, DROPOFF))
        if by_pickup is None:
            return trips
        return trips.where(f"({by_pickup}) OR {PICKUP} IS NULL AND (({by_dropoff}) OR {DROPOFF} IS NULL)")

    def __str__(self) -> str:
        """To be put behind 'trips': empty for all days, else ' from 2016-01-30 to 2016-02-29' or one half of it."""
        return "".join(f" {word} {day}" for word, day in (("from", self.first), ("to", self.last)) if day)

    def _between(self, column: str, kind: str) -> str | None:
        ends = [f"{column} >= {kind}'{self.first}'"] if self.first else []
        ends += [f"{column} < {kind}'{self.last + timedelta(days=1)}'"] if self.last else []
        return " AND ".join(ends) or None


ALL_DAYS = TripDays()
