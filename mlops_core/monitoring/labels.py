"""Fares meet the predictions that were made for them."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.columns import LABEL, PREDICTION
from mlops_core.monitoring.windows import MODEL_DAY
from my_mlops_stacks.events import TRIPS


def with_labels(predictions: DataFrame, trips: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """Predictions for pickups in [`first_day`, `last_day`], each with its trip's `fare_amount` in USD.

    The fare is null while the label is not known. Every prediction stays one row, and a trip's fare is used once for
    each model version; trips of one identity are paired in order of the fare. Of the other columns only those of the
    trip and the model stay. Collecting what shares a key costs a sixth of numbering it in a window.
    """
    in_days = F.col("day").between(F.lit(first_day), F.lit(last_day))
    known = trips.where(in_days).where(TRIPS.is_labelled).groupBy("day", *TRIPS.identity)
    fares = known.agg(F.sort_array(F.collect_list(LABEL)).alias("fares"))
    scored = F.collect_list(
        F.struct(F.col(PREDICTION).cast("double").alias(PREDICTION))
    )  # a struct: lists leave nulls out
    groups = predictions.where(in_days).groupBy(*MODEL_DAY, *TRIPS.identity)
    predicted = groups.agg(F.sort_array(scored).alias("scored"), F.max("prediction_time").alias("prediction_time"))
    rows = predicted.join(fares, ["day", *TRIPS.identity], "left")
    rows = rows.select("*", F.posexplode("scored").alias("nth", "one"))
    return rows.select(
        *MODEL_DAY,
        *TRIPS.identity,
        "prediction_time",
        F.col(f"one.{PREDICTION}").alias(PREDICTION),
        F.get("fares", "nth").alias(LABEL),
    )
