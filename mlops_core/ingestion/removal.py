"""What a run takes away: events that the table has, and that their source no longer has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from mlops_core.ingestion.conform import InvalidEventsError
from mlops_core.project import EventTable

MAX_REMOVED_SHARE = 0.2
"""Of the events, or of the days, that a run replaces: above it the source has lost them, unless somebody says so."""


@dataclass(frozen=True)
class Removal:
    """By day, how many events a run replaces (`held`), and how many of them the source no longer has (`gone`)."""

    events: EventTable
    held: Mapping[date, int]
    gone: Mapping[date, int]

    @property
    def count(self) -> int:
        return sum(self.gone.values())

    @property
    def days(self) -> list[date]:
        """The days that lose all their events, in order."""
        return sorted(day for day, count in self.gone.items() if count == self.held[day])

    @property
    def is_large(self) -> bool:
        too_many_events = self.count > MAX_REMOVED_SHARE * sum(self.held.values())
        return too_many_events or len(self.days) > MAX_REMOVED_SHARE * len(self.held)

    def __str__(self) -> str:
        nouns = self.events.nouns
        return (
            f"{self.count:,} of the {sum(self.held.values()):,} {nouns} that this run replaces, and all {nouns} of "
            f"{len(self.days)} of their {len(self.held)} days"
        )

    def require_small(self) -> None:
        """Refuse to take away much.

        Raises:
            InvalidEventsError: more than `MAX_REMOVED_SHARE` of the events or of the days would go.
        """
        if self.is_large:
            raise InvalidEventsError(
                f"The source lacks {self}: more than {MAX_REMOVED_SHARE:.0%}, so nothing was written. Give it a source "
                f"that has them, or run {self.events.ingestion_name} with allow_removal: true; on a laptop `make "
                "clean` starts anew."
            )


def removal(events: EventTable, held: DataFrame, delivered: DataFrame) -> Removal:
    """What of the accepted events `held` the raw ones `delivered` lack, by what identifies an event."""
    identity = list(events.identity)
    gone = held.select("day", *identity).join(delivered.select(*identity), identity, "left_anti")
    before, missing = ({row[0]: row[1] for row in rows.groupBy("day").count().collect()} for rows in (held, gone))
    return Removal(events, before, missing)
