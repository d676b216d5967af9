"""What a run takes away: trips that the table has, and that their source no longer has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from mlops_core.ingestion.accept import InvalidTripsError
from my_mlops_stacks.events import TRIPS

MAX_REMOVED_SHARE = 0.2
"""Of the trips, or of the days, that a run replaces: above it the source has lost them, unless somebody says so."""


@dataclass(frozen=True)
class Removal:
    """By day, how many trips a run replaces (`held`), and how many of them the source no longer has (`gone`)."""

    held: Mapping[date, int]
    gone: Mapping[date, int]

    @property
    def trips(self) -> int:
        return sum(self.gone.values())

    @property
    def days(self) -> list[date]:
        """The days that lose all their trips, in order."""
        return sorted(day for day, trips in self.gone.items() if trips == self.held[day])

    @property
    def is_large(self) -> bool:
        too_many_trips = self.trips > MAX_REMOVED_SHARE * sum(self.held.values())
        return too_many_trips or len(self.days) > MAX_REMOVED_SHARE * len(self.held)

    def __str__(self) -> str:
        return (
            f"{self.trips:,} of the {sum(self.held.values()):,} trips that this run replaces, and all trips of "
            f"{len(self.days)} of their {len(self.held)} days"
        )

    def require_small(self) -> None:
        """Refuse to take away much.

        Raises:
            InvalidTripsError: more than `MAX_REMOVED_SHARE` of the trips or of the days would go.
        """
        if self.is_large:
            raise InvalidTripsError(
                f"The source lacks {self}: more than {MAX_REMOVED_SHARE:.0%}, so nothing was written. Give it a source "
                "that has them, or run ingest_trips with allow_removal: true; on a laptop `make clean` starts anew."
            )


def removal(held: DataFrame, delivered: DataFrame) -> Removal:
    """What of the accepted trips `held` the raw trips `delivered` lack, by what identifies a trip."""
    identity = list(TRIPS.identity)
    gone = held.select("day", *identity).join(delivered.select(*identity), identity, "left_anti")
    before, missing = ({row[0]: row[1] for row in rows.groupBy("day").count().collect()} for rows in (held, gone))
    return Removal(before, missing)
