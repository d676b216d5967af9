"""The predictions table: each model version's prediction for each event, and when it was made."""

from __future__ import annotations

from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.project import EventTable


def to_score(events: EventTable, rows: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """The events of [`first_day`, `last_day`], without the columns that are known only afterwards."""
    in_days = F.col("day").between(F.lit(first_day), F.lit(last_day))
    return rows.where(in_days).drop(*events.known_late)


def as_predictions(
    events: EventTable, scored: DataFrame, model_name: str, model_version: int, at: datetime
) -> DataFrame:
    """The scored rows with the columns of `prediction_columns`.

    Args:
        scored: identity, model inputs, features and `prediction` of each event.
        at: time of prediction, UTC; naive or aware.
    """
    return scored.withColumns(
        {
            "model_name": F.lit(model_name),
            "model_version": F.lit(model_version),
            "prediction_time": F.lit(at.isoformat(sep=" ", timespec="seconds")).cast("timestamp"),
            "day": F.to_date(events.event_time),
        }
    )
