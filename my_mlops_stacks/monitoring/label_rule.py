"""Whether labels arrive, and whether predictions are as new as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame

from my_mlops_stacks.monitoring.judged_windows import SCORED, rows_of

QUERY = f"""{SCORED}
SELECT day, label_coverage, last_prediction_time FROM windows ORDER BY day DESC LIMIT :windows
"""  # noqa: S608, made of constants
"""The newest windows of {{profile}}, labelled or not."""

CLOCK_TOLERANCE = timedelta(hours=1)


@dataclass(frozen=True)
class Windows:
    """Label coverage by day, newest first, and when the newest prediction of all was made."""

    coverage: Mapping[str, float]
    last_prediction_time: datetime | None

    @property
    def newest(self) -> str | None:
        return next(iter(self.coverage), None)

    def late(self, delay_days: int, minimum_coverage: float) -> dict[str, float]:
        """Coverage of the days whose labels should be there, `delay_days` before the newest day, and are not."""
        if self.newest is None:
            return {}
        due = str(date.fromisoformat(self.newest) - timedelta(days=delay_days))
        return {day: share for day, share in self.coverage.items() if day <= due and share < minimum_coverage}

    def is_ahead_of(self, now: datetime) -> bool:
        """Whether a prediction was made in the future, by more than clocks may differ; both times are UTC."""
        made = self.last_prediction_time
        return made is not None and made.replace(tzinfo=None) > now.replace(tzinfo=None) + CLOCK_TOLERANCE


def newest_windows(profile: DataFrame, today: date, windows: int) -> Windows:
    """The newest `windows` days of the profile metrics table up to `today`, UTC's."""
    rows = rows_of(QUERY, today, {"windows": windows}, profile=profile)
    made = [row["last_prediction_time"] for row in rows if row["last_prediction_time"] is not None]
    return Windows({str(row["day"]): row["label_coverage"] for row in rows}, max(made, default=None))
