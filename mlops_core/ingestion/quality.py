"""What the rejected events say about their source, and whether a table holds each event once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.ingestion.accept import DUPLICATE
from mlops_core.ingestion.best import SUPERSEDED
from mlops_core.ingestion.times import EPOCH
from mlops_core.project import EventTable
from mlops_core.project.events import DAY

MAX_REJECTED_SHARE = 0.05
"""Above it the source is broken rather than dirty, and nothing is built from it."""
MAX_SHARE_OF_A_REASON = 0.01
"""One fault of a source, such as amounts with a comma, takes events of one kind away: what is left is lopsided."""
MAX_SHARE_OF_A_DAY = 0.1
"""A broken delivery of one day is a small share of the month that a run takes."""
MIN_REJECTED = 20
"""Fewer events of a reason or of a day are chance, whatever their share."""

DAYS_NAMED = 3

NO_FAULTS = {DUPLICATE, SUPERSEDED}
"""A delivery that repeats events, or tells more of them, is none."""


@dataclass(frozen=True)
class Rejections:
    """How many events were accepted by day, and rejected by day and reason; without any time the day is None."""

    events: EventTable
    accepted: Mapping[date | None, int]
    rejected: Mapping[tuple[date | None, str], int]

    @property
    def by_reason(self) -> dict[str, int]:
        """Rejected events by their reasons as they stand in the table, the most frequent first."""
        counts: Counter[str] = Counter()
        for (_, reason), count in self.rejected.items():
            counts[reason] += count
        return dict(sorted(counts.items(), key=lambda found: (-found[1], found[0])))

    def problems(self) -> list[str]:
        """A sentence for each limit that is broken; empty for a source that is fit to be used."""
        of_day, of_rule = Counter[date | None](), Counter[str]()
        for (day, reason), count in self.rejected.items():
            if faults := _faults(reason):
                of_day[day] += count
                of_rule.update(dict.fromkeys(faults, count))
        days = list(self._of_days(of_day))
        more = (
            [f"and so were {self.events.nouns} of {len(days) - DAYS_NAMED} more days"] if len(days) > DAYS_NAMED else []
        )
        of_all = [*self._of_all(of_day.total()), *self._of_rules(of_rule, of_day.total())]
        return [*of_all, *days[:DAYS_NAMED], *more]

    def _of_all(self, rejected: int) -> Iterator[str]:
        taken = sum(self.accepted.values()) + rejected
        if rejected > MAX_REJECTED_SHARE * taken:
            yield f"{rejected} of {taken} {self.events.nouns} were rejected, more than {MAX_REJECTED_SHARE:.0%}"

    def _of_rules(self, of_rule: Mapping[str, int], rejected: int) -> Iterator[str]:
        taken = sum(self.accepted.values()) + rejected
        for rule, count in of_rule.items():
            if count >= MIN_REJECTED and count > MAX_SHARE_OF_A_REASON * taken:
                said = f"{count} of {taken} {self.events.nouns} were rejected for '{rule}'"
                yield f"{said}, more than {MAX_SHARE_OF_A_REASON:.0%}"

    def _of_days(self, of_day: Mapping[date | None, int]) -> Iterator[str]:
        for day, count in of_day.items():
            taken = self.accepted.get(day, 0) + count
            if day and count >= MIN_REJECTED and count > MAX_SHARE_OF_A_DAY * taken:
                said = f"{count} of {taken} {self.events.nouns} of {day} were rejected"
                yield f"{said}, more than {MAX_SHARE_OF_A_DAY:.0%}"


def rejections(events: EventTable, accepted: DataFrame, rejected: DataFrame) -> Rejections:
    """What was accepted and what was rejected, in counts."""
    taken = {row["day"]: row["count"] for row in accepted.groupBy("day").count().collect()}
    kept_aside = rejected.groupBy("day", "reason").count().orderBy("day", "reason").collect()
    by_reason = {(row["day"], row["reason"]): row["count"] for row in kept_aside}
    return Rejections(events, taken, by_reason)


def _faults(reason: str) -> list[str]:
    """The faults among the parts of a reason; what differs from row to row follows a colon."""
    parts = dict.fromkeys(part.split(": ")[0] for part in reason.split("; "))
    return [part for part in parts if part not in NO_FAULTS]


def extent(events: EventTable, accepted: DataFrame) -> tuple[date | None, date | None, datetime | None]:
    """The first and the last day of the accepted events, and the time of the newest; None for each without any."""
    micros = F.max(F.unix_micros(F.col(events.event_time)))
    row = accepted.agg(F.min(DAY).alias("first"), F.max(DAY).alias("last"), micros.alias("newest")).collect()[0]
    newest = None if row["newest"] is None else EPOCH + timedelta(microseconds=row["newest"])
    return row["first"], row["last"], newest


def repeated(events: EventTable, accepted: DataFrame) -> int:
    """How many accepted events have the identity of another one, beside the first of each."""
    copies = accepted.groupBy(*events.identity).count().where("count > 1")
    return copies.agg(F.coalesce(F.sum(F.col("count") - 1), F.lit(0))).collect()[0][0]
