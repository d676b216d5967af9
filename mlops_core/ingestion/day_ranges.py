"""Days in a row, which one run builds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class DayRange:
    """Days in a row, both ends included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"A range of days ends on {self.last}, before it begins on {self.first}.")

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def within(self, other: DayRange) -> DayRange | None:
        """The days that both have."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return DayRange(first, last) if first <= last else None

    def after(self, day: date) -> DayRange | None:
        """Those of the days that come later."""
        return DayRange(max(self.first, day + ONE_DAY), self.last) if self.last > day else None


Ranges = tuple[DayRange, ...]
"""In order, with a day that is of none between any two."""


def day_range(first: datetime, last: datetime) -> DayRange:
    """From the day of one time to that of the other."""
    return DayRange(first.date(), last.date())


def ranges_of(days: Iterable[date]) -> Ranges:
    """The days as ranges."""
    return joined(DayRange(day, day) for day in days)


def joined(ranges: Iterable[DayRange]) -> Ranges:
    """The days of all of them."""
    found: list[DayRange] = []
    for each in sorted(ranges):
        if found and each.first - found[-1].last <= ONE_DAY:
            found[-1] = DayRange(found[-1].first, max(found[-1].last, each.last))
        else:
            found.append(each)
    return tuple(found)


def fewer(ranges: Ranges, most: int) -> Ranges:
    """At most `most` ranges, with the days between the nearest; more where that would more than double the days."""
    gaps = sorted((DayRange(a.last + ONE_DAY, b.first - ONE_DAY) for a, b in pairwise(ranges)), key=_by_length)
    left, taken = sum(map(len, ranges)), list[DayRange]()
    for gap in gaps[: max(len(ranges) - most, 0)]:
        if (left := left - len(gap)) < 0:
            break
        taken.append(gap)
    return joined((*ranges, *taken))


def _by_length(days: DayRange) -> tuple[int, DayRange]:
    return len(days), days
