"""What an event is, said once for every stage: a trip, predicted at its pickup, whose fare is known at its drop-off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class EventTable:
    """A table of events, by the names of its columns.

    `event_time` is when an event happens and is predicted, `known_at` when its `label` is known: the label counts as
    unknown while either is null. `identity` is known of an event from the start and tells it from others. Times are
    wall clock of `time_zone`, without a zone.
    """

    event_time: str
    known_at: str
    label: str
    identity: tuple[str, ...]
    time_zone: str

    @property
    def is_labelled(self) -> str:
        """The events whose label is known, in SQL."""
        return f"{self.label} IS NOT NULL AND {self.known_at} IS NOT NULL"

    def clock(self) -> datetime:
        """What the wall clock of the events says now."""
        return datetime.now(ZoneInfo(self.time_zone)).replace(tzinfo=None)


TRIPS = EventTable(
    event_time="tpep_pickup_datetime",
    known_at="tpep_dropoff_datetime",
    label="fare_amount",
    identity=("tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance"),
    time_zone="America/New_York",
)
