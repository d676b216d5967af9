"""The days whose rows differ between two looks at a source.

A version says cheaply that something may have changed; summaries of the days say what. So a table that is optimized, or
rewritten every night with the same rows, has new versions and no changed day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Literal

from mlops_core.ingestion.arrivals import DaySummaries, DaySummary

Kind = Literal["added", "changed", "removed"]


@dataclass(frozen=True)
class DayChange:
    """How a day differs.

    Args:
        kind: A day is added with its first row, and removed with its last.
        newest: The latest time of its rows, before or after; None where nothing says so.
        follows: The newest day with rows that ended before this one began, by all its times; None where there is none.
    """

    kind: Kind
    newest: datetime | None = None
    follows: date | None = None

    def merged(self, later: DayChange) -> DayChange:
        """Of two looks."""
        newest = max(filter(None, (self.newest, later.newest)), default=None)
        follows = min(self.follows, later.follows) if self.follows and later.follows else None
        return DayChange(self.kind if self.kind == later.kind else "changed", newest, follows)

    def to_json(self) -> list[str | None]:
        return [self.kind, *(at.isoformat() if at else None for at in (self.newest, self.follows))]

    @classmethod
    def from_json(cls, stored: Any) -> DayChange:
        kind, newest, follows = stored
        return cls(
            kind, datetime.fromisoformat(newest) if newest else None, date.fromisoformat(follows) if follows else None
        )


@dataclass(frozen=True)
class ChangedDays:
    """The days that differ, and why, for people."""

    by_day: Mapping[date, DayChange] = field(default_factory=dict)
    why: str = "nothing"

    @classmethod
    def of(cls, days: Iterable[date], kind: Kind = "changed", why: str = "asked for") -> ChangedDays:
        """Days of which no more is known."""
        return cls({day: DayChange(kind) for day in days}, why)

    @property
    def days(self) -> tuple[date, ...]:
        """All of them, in order."""
        return tuple(sorted(self.by_day))

    def of_kind(self, kind: Kind) -> tuple[date, ...]:
        """Those that are added, changed or removed, in order."""
        return tuple(day for day in self.days if self.by_day[day].kind == kind)

    def until(self, last: date) -> ChangedDays:
        """Without the days after `last`."""
        return ChangedDays({day: each for day, each in self.by_day.items() if day <= last}, self.why)

    def after(self, last: date) -> ChangedDays:
        """The days after `last` only."""
        return ChangedDays({day: each for day, each in self.by_day.items() if day > last}, self.why)

    def merged(self, later: ChangedDays) -> ChangedDays:
        """Of this look and a later one; a day that is added and then removed has changed."""
        both = {day: each.merged(later.by_day[day]) for day, each in self.by_day.items() if day in later.by_day}
        reasons = dict.fromkeys(each.why for each in (self, later) if each.by_day)
        return ChangedDays({**self.by_day, **later.by_day, **both}, "; then ".join(reasons) or "nothing")

    def to_json(self) -> dict[str, Any]:
        return {"days": {str(day): each.to_json() for day, each in sorted(self.by_day.items())}, "why": self.why}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ChangedDays:
        days = {date.fromisoformat(day): DayChange.from_json(each) for day, each in stored["days"].items()}
        return cls(days, stored["why"])


def changed_days(before: DaySummaries | None, after: DaySummaries) -> ChangedDays:
    """The days that differ; every day of either where nothing can be compared.

    Args:
        before: Of the newest look whose days were handled. Before the first look: of what the pipeline took in, which
            is None where it took nothing. A pipeline that has run by the clock then builds the days that it lacks, and
            those that have changed since it took them.
    """
    held, is_alike = (before.days, before.of == after.of) if before else ({}, True)
    differing = [day for day in held.keys() | after.days.keys() if not is_alike or held.get(day) != after.days.get(day)]
    follows = dict(_follows(differing, held, after.days))
    by_day = {
        day: DayChange(
            "removed" if day not in after.days else "changed" if day in held else "added",
            max(of[day].newest for of in (held, after.days) if day in of),
            follows.get(day),
        )
        for day in sorted(differing)
    }
    return ChangedDays(by_day, _why(before, after, by_day))


def _follows(
    changed: Collection[date], held: Mapping[date, DaySummary], after: Mapping[date, DaySummary]
) -> Iterator[tuple[date, date]]:
    """Changed day, and the newest of those days that both looks know and that had ended by it."""
    ended = sorted((max(held[day].newest, after[day].newest), day) for day in held.keys() & after.keys())
    newest, place = date.min, 0
    for day in sorted(changed):
        while place < len(ended) and ended[place][0] < datetime.combine(day, time()):
            newest, place = max(newest, ended[place][1]), place + 1
        if newest > date.min:
            yield day, newest


def _why(before: DaySummaries | None, after: DaySummaries, by_day: Mapping[date, DayChange]) -> str:
    if before is None:
        return "first look"
    if before.of != after.of:
        return "other columns or times are read than before"
    if not by_day:
        return "nothing"
    (first, count), *others = Counter(each.kind for each in by_day.values()).items()
    days = ", ".join(
        [f"{count} {'day' if count == 1 else 'days'} {first}", *(f"{more} {kind}" for kind, more in others)]
    )
    rows = sum(_rows(after, day) - _rows(before, day) for day in by_day)
    return f"{days}; rows {rows:+,}"


def _rows(summaries: DaySummaries, day: date) -> int:
    return summaries.days[day].rows if day in summaries.days else 0
