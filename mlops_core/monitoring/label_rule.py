"""Whether labels arrive, and whether predictions are as new as they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mlops_core.monitoring.judged_windows import CLOCK_TOLERANCE, AsOf, Window

LATE_DAYS = 14
"""How many days overdue labels are still reported."""

Verdict = tuple[bool, str]
"""Whether the rule passes, and the reason in one sentence."""


@dataclass(frozen=True)
class Windows:
    """Label coverage by day, newest first; the time of the newest prediction, UTC; days in the future."""

    coverage: Mapping[str, float]
    last_prediction_time: datetime | None
    future_days: tuple[str, ...]

    @property
    def newest(self) -> str | None:
        return next(iter(self.coverage), None)

    def late(self, delay_days: int, minimum_coverage: float) -> dict[str, float]:
        """Coverage of the overdue days: those at least `delay_days` before the newest day whose labels are missing."""
        if self.newest is None:
            return {}
        due = str(date.fromisoformat(self.newest) - timedelta(days=delay_days))
        return {day: share for day, share in self.coverage.items() if day <= due and share < minimum_coverage}

    def labels(self, delay_days: int, minimum_coverage: float) -> Verdict:
        """Whether no day is late."""
        late = self.late(delay_days, minimum_coverage)
        if not late:
            return True, f"Every day that is {delay_days} days old has the labels of at least {minimum_coverage:.0%}"
        days = ", ".join(f"{day} {share:.0%}" for day, share in late.items())
        return False, f"Labels of less than {minimum_coverage:.0%} of the predictions have arrived: {days}"

    def freshness(self, due: str | None, now: datetime) -> Verdict:
        """Whether the day that is `due` is predicted, and no prediction is of or from the future; `now` is UTC."""
        reasons = []
        if due is not None and (self.newest or "") < due:
            reasons.append(f"{due} should be predicted, and the newest day that is, is {self.newest}")
        if self.is_ahead_of(now):
            made, clock = self.last_prediction_time, f"{now:%Y-%m-%d %H:%M}"
            reasons.append(f"predictions were made at {made} UTC, and it is {clock}: a clock is wrong")
        if self.future_days:
            reasons.append(f"{', '.join(self.future_days)} has not come yet: a clock is wrong")
        return not reasons, "; ".join(reasons) or f"The newest day, {self.newest}, is predicted"

    def is_ahead_of(self, now: datetime) -> bool:
        """Whether a prediction was made in the future, beyond the tolerated clock skew; both times are UTC."""
        made = self.last_prediction_time
        return made is not None and made.replace(tzinfo=None) > now.replace(tzinfo=None) + CLOCK_TOLERANCE


def newest_windows(windows: Sequence[Window], as_of: AsOf, count: int) -> Windows:
    """The newest `count` days, labelled or not."""
    newest = as_of.past(windows)[:count]
    made = [window.made for window in newest if window.made is not None]
    return Windows(
        {str(window.day): window.label_coverage for window in newest},
        max(made, default=None),
        tuple(str(window.day) for window in as_of.to_come(windows)),
    )
