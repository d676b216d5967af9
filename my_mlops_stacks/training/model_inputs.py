"""What the model sees of a trip when a fare is asked for: nothing that is only known when the trip is over."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.training.columns import PICKUP, TRIP_INPUTS


def model_inputs(trips: DataFrame, *carried: str) -> DataFrame:
    """The `INPUT_COLUMNS` of each trip, and the columns of `trips` named in `carried`."""
    return trips.select(
        PICKUP,
        *TRIP_INPUTS,
        F.hour(PICKUP).alias("pickup_hour"),
        ((F.dayofweek(PICKUP) + 5) % 7).alias("pickup_weekday"),  # F.weekday says -1 for a Sunday on Sail 0.7
        *carried,
    )
