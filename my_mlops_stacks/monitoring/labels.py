"""Fares meet the predictions that were made for them."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

TRIP_KEY = ("tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance")
"""What is known of a trip when its fare is predicted. Trips that share all of it are paired in order of the fare."""


def with_labels(predictions: DataFrame, trips: DataFrame) -> DataFrame:
    """The predictions, each with the `fare_amount` (USD) of its trip, null while the label has not arrived.

    Every prediction stays one row, and a trip's fare is used once for each model version.
    """
    versions = Window.partitionBy("model_name", "model_version", *TRIP_KEY).orderBy("prediction")
    fares = trips.select(
        "day", *TRIP_KEY, "fare_amount", F.row_number().over(Window.partitionBy(*TRIP_KEY).orderBy("fare_amount")).alias("nth")
    )  # fmt: skip
    numbered = predictions.withColumn("nth", F.row_number().over(versions))
    return numbered.join(fares, ["day", *TRIP_KEY, "nth"], "left").drop("nth")
