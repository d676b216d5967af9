"""The table of predictions: what each model said about each trip, and when."""

from __future__ import annotations

from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.events import TRIPS


def to_score(trips: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """Trips picked up in [`first_day`, `last_day`], without what is known only when a trip is over."""
    in_days = F.col("day").between(F.lit(first_day), F.lit(last_day))
    return trips.where(in_days).drop(TRIPS.label_column, TRIPS.known_at)


def as_predictions(scored: DataFrame, model_name: str, model_version: int, at: datetime) -> DataFrame:
    """The scored rows with the columns of `PREDICTION_COLUMNS`.

    Args:
        scored: model inputs, features and `prediction` of each trip.
        at: time of prediction, UTC; naive or aware.
    """
    return scored.withColumns(
        {
            "model_name": F.lit(model_name),
            "model_version": F.lit(model_version),
            "prediction_time": F.lit(at.isoformat(sep=" ", timespec="seconds")).cast("timestamp"),
            "day": F.to_date(TRIPS.event_time),
        }
    )
