"""Which windows of the monitor tables are judged: the queries' common part, the same text on Sail and Apache Spark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.tasks import Task

CLOCK_TOLERANCE = timedelta(hours=1)
"""Tolerated clock skew."""

SCORED = """
WITH scored AS (
    SELECT *, max(last_prediction_time) OVER (PARTITION BY day) AS newest_prediction_time,
           row_number() OVER (
               PARTITION BY day
               ORDER BY coalesce(last_prediction_time > cast(:latest AS timestamp), true), last_prediction_time DESC,
                        cast(substring_index(model_id, '/', -1) AS int) DESC
           ) AS nth
    FROM {profile}
    WHERE column_name = ':table' AND slice_key IS NULL AND day <= :today
), windows AS (
    SELECT * FROM scored WHERE nth = 1
)
"""
"""`windows`: one row a day, of the version that scored it last; of two at the same time, of the newer version.

What a wrong clock wrote comes last: a day that has not come yet is no window, and a time that has not come yet wins
over no other.
"""


@dataclass(frozen=True)
class AsOf:
    """When is judged, in UTC, and the newest day that is: today, or an earlier `day`."""

    now: datetime
    day: date | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of `SCORED`'s parameters."""
        today = self.now.date()
        latest = (self.now + CLOCK_TOLERANCE).strftime("%Y-%m-%d %H:%M:%S")
        return {"today": min(self.day or today, today), "latest": latest}


def as_numbers(profile: DataFrame, task: Task) -> DataFrame:
    """The profile with each of the task's metrics as its one number, without those that have none."""
    for metric in task.judged:
        if metric.number != metric.name:
            profile = profile.withColumn(metric.name, F.expr(metric.number))
    return profile.drop(*(metric.name for metric in task.monitored if not metric.number))


def judged_windows(profile: DataFrame, as_of: AsOf) -> DataFrame:
    """Of the profile metrics table, the one row a day that is judged: columns of the profile and two more."""
    return profile.sparkSession.sql(f"{SCORED} SELECT * FROM windows", args=as_of.parameters, profile=profile)  # noqa: S608


def rows_of(query: str, as_of: AsOf, parameters: dict[str, Any], **tables: DataFrame) -> list[dict[str, Any]]:
    """The rows of a query over monitor tables, which it names as `{profile}` and `{drift}`."""
    session = next(iter(tables.values())).sparkSession
    return [row.asDict() for row in session.sql(query, args=as_of.parameters | parameters, **tables).collect()]
