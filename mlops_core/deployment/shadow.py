"""Shadow scoring: champion and challenger on the same events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.day_axis import name_days
from mlops_core.tasks.classes import Classes
from mlops_core.tasks.shape import Shape

DAYS = 7
LINES = {
    "champion_mean": ("#4c72b0", "champion, mean"),
    "challenger_mean": ("#dd8452", "challenger, mean"),
}
OF_CLASSES = {"changed_share": ("#4c72b0", "share of other classes")}
"""What is drawn of numbers, and of classes: column -> color and name."""
LARGE_CHANGE = 0.1
"""A prediction that changes by more than this share of the champion's is counted as changed."""


def predictions_of(predictions: DataFrame, model_name: str, model_version: int) -> DataFrame:
    """The rows of the predictions table that this version of the model made."""
    return predictions.where((F.col("model_name") == model_name) & (F.col("model_version") == model_version))


def newest_days(own: DataFrame, days: int = DAYS) -> tuple[date, date] | None:
    """First and last of the `days` calendar days up to the newest one in `own`; None when there are no rows."""
    known = predicted_days(own)
    return (known[1] - timedelta(days=days - 1), known[1]) if known else None


def predicted_days(own: DataFrame) -> tuple[date, date] | None:
    """First and last day in `own`; None when there are no rows."""
    first, last = own.agg(F.min("day"), F.max("day")).collect()[0]
    return (first, last) if last else None


def champion_predictions(own: DataFrame, first_day: date, keys: Sequence[str], shape: Shape) -> DataFrame:
    """What a version predicted from `first_day` on: `keys`, `day`, and its answers as `champion_prediction`.

    `keys` are the identity of an event. Events that share one got the same prediction: they are one row.
    """
    rows = own.where(F.col("day") >= F.lit(first_day)).withColumn("champion_prediction", F.expr(shape.answer))
    return rows.select(*keys, "day", "champion_prediction").dropDuplicates(list(keys))


def differences(scored: DataFrame, shape: Shape) -> pd.DataFrame:
    """Per day: `events`, `missing` (no finite prediction of the challenger), and how both differ.

    Of numbers that is the mean of both predictions, the mean and the mean absolute difference (challenger less
    champion); `changed_share` is that of large changes. Of classes it is the mean total variation distance of the
    probabilities, 0 to 1, and the share of events whose class is another one.

    Args:
        scored: rows with `day`, `champion_prediction` and the columns of the challenger's prediction.
    """
    told = _of_classes(shape) if isinstance(shape, Classes) else _of_numbers()
    return scored.groupBy("day").agg(F.count("*").alias("events"), *told).orderBy("day").toPandas()


def _of_classes(shape: Classes) -> list[Column]:
    theirs, ours = "champion_prediction", shape.answer
    parts = (f"abs(get({theirs}, {place}) - get({ours}, {place}))" for place in range(len(shape.classes)))
    distance = f"({' + '.join(parts)}) / 2"
    is_other = f"array_position({theirs}, array_max({theirs})) <> array_position({ours}, array_max({ours}))"
    return [
        F.sum(F.col("prediction").isNull().cast("int")).alias("missing"),
        F.avg(F.expr(distance)).alias("mean_absolute_difference"),
        F.avg(F.expr(is_other).cast("double")).alias("changed_share"),
    ]


def _of_numbers() -> list[Column]:
    difference = F.col("prediction") - F.col("champion_prediction")
    is_finite = F.coalesce(~F.isnan("prediction") & (F.abs("prediction") < float("inf")), F.lit(False))
    is_changed = F.abs(difference) > LARGE_CHANGE * F.abs(F.col("champion_prediction"))
    return [
        F.sum((~is_finite).cast("int")).alias("missing"),
        F.avg("champion_prediction").alias("champion_mean"),
        F.avg("prediction").alias("challenger_mean"),
        F.avg(difference).alias("mean_difference"),
        F.avg(F.abs(difference)).alias("mean_absolute_difference"),
        F.avg(is_changed.cast("double")).alias("changed_share"),
    ]


def differences_plot(per_day: pd.DataFrame, unit: str = "") -> Figure:
    """Mean predictions of both, or the share of other classes, and the mean absolute difference, over the days."""
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    days = pd.to_datetime(per_day["day"])
    for name, (color, label) in LINES.items() if "champion_mean" in per_day else OF_CLASSES.items():
        axes.plot(days, per_day[name], marker="o", color=color, label=label)
    axes.bar(days, per_day["mean_absolute_difference"], color="#c44e52", alpha=0.4, label="mean absolute difference")
    axes.set(title="Challenger and champion on the same events", ylabel=unit)
    axes.legend()
    name_days(axes, days)
    return figure
