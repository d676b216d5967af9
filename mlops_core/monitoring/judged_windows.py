"""Which windows of the monitor tables are judged: one a day, read once, the same on Sail and Apache Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.tasks import MonitorMetric, Task

CLOCK_TOLERANCE = timedelta(hours=1)
"""Tolerated clock skew."""

QUERY = """
WITH scored AS (
    SELECT day, model_id, labelled_count, label_coverage, {metric} AS value,
           unix_seconds(max(last_prediction_time) OVER (PARTITION BY day)) AS made,
           row_number() OVER (
               PARTITION BY day
               ORDER BY coalesce(last_prediction_time > cast(:latest AS timestamp), true), last_prediction_time DESC,
                        cast(substring_index(model_id, '/', -1) AS int) DESC
           ) AS nth
    FROM {profile}
    WHERE column_name = ':table' AND slice_key IS NULL
)
SELECT day, model_id, labelled_count, label_coverage, value, made FROM scored WHERE nth = 1 ORDER BY day DESC
"""
"""One row a day, of the version that scored it last; on ties, of the newer version.

Times in the future come last: they are from a wrong clock. Times are numbers, since timestamps would be collected in
this machine's time zone.
"""


@dataclass(frozen=True)
class Window:
    """A day of predictions, by the version that scored it last.

    `value` is the monitored metric, None without labels that determine it; `made` is when the newest prediction of any
    version was made, in UTC.
    """

    day: date
    model_id: str
    labelled_count: int
    label_coverage: float
    value: float | None
    made: datetime | None


@dataclass(frozen=True)
class AsOf:
    """The time of the judgement, in UTC, and the newest day that is judged: today, or an earlier `day`."""

    now: datetime
    day: date | None = None

    def past(self, windows: Sequence[Window]) -> list[Window]:
        """The windows that are judged, newest first, without days in the future."""
        today = self.now.date()
        newest = min(self.day or today, today)
        return [window for window in windows if window.day <= newest]

    def to_come(self, windows: Sequence[Window]) -> list[Window]:
        """The windows of days in the future, in order."""
        today = (self.now + CLOCK_TOLERANCE).date()
        return [window for window in reversed(windows) if window.day > today]


def windows_of(profile: DataFrame, metric: MonitorMetric, now: datetime) -> list[Window]:
    """Every window of the profile metrics, newest first; `now` is UTC."""
    latest = (now + CLOCK_TOLERANCE).strftime("%Y-%m-%d %H:%M:%S")
    number = metric.number.replace("{", "{{").replace("}", "}}")  # the name of a class may have them
    query = QUERY.replace("{metric}", number)
    rows = profile.sparkSession.sql(query, args={"latest": latest}, profile=profile).collect()
    return [Window(**row.asDict() | {"made": _moment(row["made"])}) for row in rows]


def as_numbers(profile: DataFrame, task: Task) -> DataFrame:
    """The profile with each of the task's metrics as its one number, without those that have none."""
    numbers = {metric.name: F.expr(metric.number) for metric in task.judged if metric.number != metric.name}
    made = profile.withColumns(numbers) if numbers else profile
    return made.drop(*(metric.name for metric in task.monitored if not metric.number))


def rows_of(profile: pd.DataFrame, windows: Sequence[Window]) -> pd.DataFrame:
    """The rows of the profile that are about the windows as a whole."""
    whole = profile[profile["slice_key"].isna() & (profile["column_name"] == ":table")]
    judged = {(window.day, window.model_id) for window in windows}
    is_judged = [key in judged for key in zip(whole["day"], whole["model_id"], strict=True)]
    return whole.loc[pd.Series(is_judged, whole.index, dtype=bool)]


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
