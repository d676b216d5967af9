"""What is seen of a source: its version, and what its days hold."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from hashlib import sha256
from typing import Any

from mlops_core.ingestion.times import EventTimes
from mlops_core.outside_json import NotOfThisKindError, of_kind
from mlops_core.project import EventTable

SUMMARY_VERSION = 1
"""Raised whenever the same rows get another summary."""

MOST_BYTES = 32 * 2**20
"""Of the summaries of a table's days, unpacked: about a million days."""


@dataclass(frozen=True)
class SourceState:
    """A version of a source, which is known without reading its rows.

    Args:
        identity: Which source it is, and how it is read: another table of the same name has another identity, and so
            has a source whose declared columns or times are others. Files have the latter only.
        version: Differs whenever the rows may; a later one need not be greater.
        at: When it was made, UTC; None where nothing says so.
    """

    identity: str
    version: str
    at: datetime | None = None

    def is_version_of(self, other: SourceState) -> bool:
        """Whether both are the same version of the same source."""
        return (self.identity, self.version) == (other.identity, other.version)

    def to_json(self) -> dict[str, Any]:
        return {"identity": self.identity, "version": self.version, "at": self.at.isoformat() if self.at else None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SourceState:
        at = stored["at"]
        return cls(stored["identity"], stored["version"], datetime.fromisoformat(at) if at else None)


def kind_of_summary(events: EventTable) -> str:
    """What summaries of these events have in common that can be compared."""
    columns = sorted((*events.source_types.items(), *events.csv_formats.items()))
    said = (SUMMARY_VERSION, events.event_time, sorted(events.outcome), columns)
    return sha256(repr(said).encode()).hexdigest()[:16]


def identity_of(times: EventTimes, table: str = "") -> str:
    """The identity of a source that is read as `times` say; `table` is the identity of the table itself."""
    said = (kind_of_summary(times.events), times.declared, times.events.time_zone)
    return f"{table} read as {sha256(repr(said).encode()).hexdigest()[:8]}".strip()


@dataclass(frozen=True)
class DaySummary:
    """What a day of events holds.

    Args:
        rows: How many.
        newest: The latest time of them: of the event, or at which it was known.
        checksum: Of the values that the pipeline uses, in any order of the rows.
        problems: Of what the source could not read of the rows; empty where it could read all.
    """

    rows: int
    newest: datetime
    checksum: str
    problems: str = ""


@dataclass(frozen=True)
class DaySummaries:
    """What each day of a source holds; rows without any time are of no day.

    Args:
        of: How they were made: the columns and their types, and how times were read. Others can't be compared.
    """

    of: str
    days: Mapping[date, DaySummary]

    def updated(self, days: Collection[date], newer: DaySummaries) -> DaySummaries:
        """With what `newer` says of `days`, and of no other.

        Raises:
            ValueError: they can't be compared.
        """
        if self.of != newer.of:
            raise ValueError("Summaries that were made in different ways can't be put together: summarise all days.")
        kept = {day: summary for day, summary in self.days.items() if day not in days}
        return DaySummaries(self.of, kept | {day: newer.days[day] for day in days if day in newer.days})

    def of_days(self, days: Collection[date]) -> DaySummaries:
        """Without any other day."""
        return DaySummaries(self.of, {day: each for day, each in self.days.items() if day in days})

    def until(self, last: date) -> DaySummaries:
        """Without the days after `last`."""
        return DaySummaries(self.of, {day: each for day, each in self.days.items() if day <= last})

    def newest_by(self, now: datetime) -> datetime | None:
        """The latest time on the newest day that has begun; None without any.

        A row of a later day is of a broken clock; a time after midnight, or after `now`, is that of an outcome.
        """
        begun = max((day for day in self.days if day <= now.date()), default=None)
        if begun is None:
            return None
        return min(self.days[begun].newest, now, datetime.combine(begun, time.max))

    def to_text(self) -> str:
        """About 30 bytes a day."""
        days = {
            str(day): (each.rows, each.newest.isoformat(), each.checksum, each.problems)
            for day, each in sorted(self.days.items())
        }
        written = json.dumps({"of": self.of, "days": days}, separators=(",", ":"))
        return b64encode(zlib.compress(written.encode(), 9)).decode()

    @classmethod
    def from_text(cls, text: str) -> DaySummaries:
        """What `to_text` wrote.

        Raises:
            NotOfThisKindError: it did not write this.
        """
        try:
            written = zlib.decompressobj().decompress(b64decode(text), MOST_BYTES)
        except (ValueError, zlib.error) as error:
            raise NotOfThisKindError(str(error)) from None
        stored = of_kind(_Written, written)
        return cls(stored.of, {day: DaySummary(*each) for day, each in stored.days.items()})


@dataclass(frozen=True)
class _Written:
    of: str
    days: dict[date, tuple[int, datetime, str, str]]
