"""The days on which checks failed, and what many months or years of them say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scipy.stats import chi2

CONFIDENCE = 0.95
DAYS_A_YEAR = 365


@dataclass(frozen=True)
class Alarms:
    """The days of one delivery, counted from 0, on which each check failed; and how many days it had."""

    failed: Mapping[str, Sequence[int]]
    days: int

    def first(self, check: str) -> int | None:
        return min(self.failed[check], default=None)

    def episodes(self, check: str) -> int:
        """How often the check failed after it had passed."""
        days = self.failed[check]
        return sum(day - 1 not in days for day in days)


def rate(years: Sequence[Alarms], check: str) -> str:
    """False alarms a year, and the exact Poisson interval of that rate (Garwood, 1936)."""
    found, extent = sum(year.episodes(check) for year in years), sum(year.days for year in years) / DAYS_A_YEAR
    tail = (1 - CONFIDENCE) / 2
    lowest = chi2.ppf(tail, 2 * found) / 2 if found else 0.0
    highest = chi2.ppf(1 - tail, 2 * found + 2) / 2
    interval = f"{lowest / extent:.1f} to {highest / extent:.1f}"
    return f"{found} false alarms in {extent:.1f} years: {found / extent:.1f} a year ({interval})"


def delays(months: Sequence[Alarms], check: str) -> str:
    """In how many months the change was noticed, and on which of its days, the first day being day 1."""
    found = [month.first(check) + 1 for month in months if month.first(check) is not None]
    noticed = f"{len(found)} of {len(months)}"
    return f"{noticed}, day {median(found):g} ({min(found)} to {max(found)})" if found else noticed
