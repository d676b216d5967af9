"""Times of a file or a table as the wall clock of the events, read as the source declares them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.ingestion.times import WALL_CLOCK, WALL_CLOCK_AS_UTC, EventTimes

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column

_UTC = ("UTC", "Etc/UTC", "Z", "+00:00", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT", "Etc/Universal")


@dataclass
class FileClock:
    """Reads the times of one file; `labels` is whether times with a zone (True) or without one (False) were met."""

    times: EventTimes
    file: Path
    labels: set[bool] = field(default_factory=set)

    def wall_clock(self, times: pa.Array, name: str, label: str | None) -> pa.Array:
        """Times of column `name`, in microseconds of their moment or clock; `label` is the zone that they came with.

        Raises:
            UnreadableEventsError: the label contradicts what the source declares, or other times of the file.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(times) == times.null_count:
            return times.cast(pa.timestamp("us"))
        self._meet(name, label)
        zone = self.times.zone
        if zone is None or (label is None and zone == self.times.events.time_zone):
            return times.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")) if times.type.tz else times
        if label is None:  # an hour that the zone has twice, or skips, is the one before the clocks were moved
            times = pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="earliest")
        own = pa.timestamp("us", self.times.events.time_zone)
        return pc.local_timestamp(times.cast(pa.timestamp("us", "UTC")).cast(own))

    def _meet(self, name: str, label: str | None) -> None:
        contradiction = _contradiction(self.times, label)
        if contradiction:
            raise UnreadableEventsError(f"Column {name} of {self.file} {contradiction}")
        self.labels.add(label is not None)
        if len(self.labels) > 1:
            raise UnreadableEventsError(
                f"{self.file} has times with and without a zone: write all of them one way (met in column {name})."
            )


def _contradiction(times: EventTimes, label: str | None) -> str | None:
    """What to say, behind the name of a column, of times labelled as `label`; None if they may be so."""
    if label is None or times.zone is not None:
        return None
    events, zone = times.events, times.events.time_zone
    setting = f"{events.times_variable} (or {events.variable('times')} in databricks.yml)"
    if times.declared == WALL_CLOCK:
        return (
            f"has times of the zone {label}, where wall clock without a zone is declared: set {setting} to UTC if they "
            f"are moments, to {WALL_CLOCK_AS_UTC} if the clock of {zone} was only labelled UTC."
        )
    if label not in _UTC:
        return f"has times of the zone {label}, where {WALL_CLOCK_AS_UTC} is declared: set {setting} to UTC."
    return None


def wall_clock_column(name: str, kind: str, times: EventTimes, table: str) -> Column:
    """The times of column `name` of a Spark table, whose type is `kind`, in a session whose time zone is UTC.

    Raises:
        UnreadableEventsError: a timestamp, which is a moment, where wall clock is declared.
    """
    from pyspark.sql import functions as F

    if kind not in ("timestamp", "timestamp_ntz"):
        return F.col(name)  # a column of another type is refused by its name later
    own = times.events.time_zone
    if kind == "timestamp" and times.declared == WALL_CLOCK:
        raise UnreadableEventsError(
            f"Column {name} of {table} is a timestamp, which is a moment, where wall clock is declared: set "
            f"{times.events.variable('times')} in databricks.yml to UTC, or to {WALL_CLOCK_AS_UTC} if the clock of "
            f"{own} is only labelled UTC."
        )
    zone = times.zone
    if zone is None or (kind == "timestamp_ntz" and zone == own):
        return F.col(name)
    moments = F.col(name) if kind == "timestamp" else F.to_utc_timestamp(F.col(name).cast("timestamp"), zone)
    return F.from_utc_timestamp(moments, own).alias(name)
