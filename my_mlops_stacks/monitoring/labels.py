"""Fares meet the predictions that were made for them."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

TRIP_KEY = ("tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance")
"""What is known of a trip when its fare is predicted. Trips that share all of it are paired in order of the fare."""


def with_labels(predictions: DataFrame, trips: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """Predictions for pickups in [`first_day`, `last_day`], each with its trip's `fare_amount` in USD.

    The fare is null while the label has not arrived. Every prediction stays one row, and a trip's fare is used once
    for each model version.
    """
    in_days = F.col("day").between(F.lit(first_day), F.lit(last_day))
    nth_fare = F.row_number().over(Window.partitionBy(*TRIP_KEY).orderBy("fare_amount"))
    fares = trips.where(in_days).select("day", *TRIP_KEY, "fare_amount", nth_fare.alias("nth"))
    versions = Window.partitionBy("model_name", "model_version", *TRIP_KEY).orderBy("prediction")
    numbered = predictions.where(in_days).withColumn("nth", F.row_number().over(versions))
    return numbered.join(fares, ["day", *TRIP_KEY, "nth"], "left").drop("nth")
