"""What a challenger would have said where the champion spoke: the same trips, both predictions."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

DAYS = 7
LARGE_CHANGE = 0.1
"""A prediction that changes by more than this share of the champion's is counted as changed."""


def newest_predictions(predictions: DataFrame, model_version: int, days: int = DAYS) -> DataFrame:
    """What `model_version` predicted on its newest days, as inputs with `champion_prediction` and `day`.

    Args:
        predictions: the table of predictions.
        days: calendar days, counted back from the newest day that the version predicted.
    """
    own = predictions.where(F.col("model_version") == model_version)
    newest: date | None = own.agg(F.max("day")).collect()[0][0]
    first = (newest or date.min) - timedelta(days=days - 1 if newest else 0)
    rows = own.where(F.col("day") >= F.lit(first)).withColumnRenamed("prediction", "champion_prediction")
    return rows.drop("model_name", "model_version", "prediction_time")


def differences(scored: DataFrame) -> pd.DataFrame:
    """Per day: `trips`, `missing` (no finite prediction of the challenger), and in USD the mean of both predictions,
    the mean and the mean absolute difference (challenger less champion); `changed_share` is that of large changes.

    Args:
        scored: rows with `day`, `champion_prediction` and the challenger's `prediction`.
    """
    difference = F.col("prediction") - F.col("champion_prediction")
    is_finite = F.coalesce(~F.isnan("prediction") & (F.abs("prediction") < float("inf")), F.lit(False))
    is_changed = F.abs(difference) > LARGE_CHANGE * F.abs(F.col("champion_prediction"))
    per_day = scored.groupBy("day").agg(
        F.count("*").alias("trips"),
        F.sum((~is_finite).cast("int")).alias("missing"),
        F.avg("champion_prediction").alias("champion_mean"),
        F.avg("prediction").alias("challenger_mean"),
        F.avg(difference).alias("mean_difference"),
        F.avg(F.abs(difference)).alias("mean_absolute_difference"),
        F.avg(is_changed.cast("double")).alias("changed_share"),
    )
    return per_day.orderBy("day").toPandas()


def differences_plot(per_day: pd.DataFrame) -> Figure:
    """Mean predictions of both and the mean absolute difference, USD, over the days."""
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    days = pd.to_datetime(per_day["day"])
    axes.plot(days, per_day["champion_mean"], marker="o", color="#4c72b0", label="champion")
    axes.plot(days, per_day["challenger_mean"], marker="o", color="#dd8452", label="challenger")
    axes.bar(days, per_day["mean_absolute_difference"], color="#c44e52", alpha=0.4, label="mean absolute difference")
    axes.set(title="The challenger where the champion spoke", ylabel="mean prediction, USD")
    axes.legend()
    figure.autofmt_xdate()
    return figure
