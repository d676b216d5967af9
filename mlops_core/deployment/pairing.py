"""Whether each trip is predicted once by each version."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.deployment.prediction_columns import HISTORY_KEY
from my_mlops_stacks.events import TRIPS


@dataclass(frozen=True)
class Pairing:
    """Predictions beyond those of one for each trip and version, and trips that the newest version has none for."""

    doubled: int
    missing: int


def pairing(predictions: DataFrame, trips: DataFrame) -> Pairing:
    """Compare the predictions of some days with the trips of the same days.

    A version may have predicted a trip that its source took back since, and no trip that was delivered later; so the
    trips that are missing are those of the version that predicted last.
    """
    key = ["day", *TRIPS.identity]
    made = predictions.groupBy(*HISTORY_KEY, *key).agg(F.count("*").alias("made"), F.max("prediction_time").alias("at"))
    there = trips.groupBy(*key).agg(F.count("*").alias("there"))
    surplus = F.greatest(F.col("made") - F.greatest(F.coalesce("there", F.lit(1)), F.lit(1)), F.lit(0))
    versions = (
        made.join(there, key, "left")
        .groupBy(*HISTORY_KEY)
        .agg(
            F.sum(surplus).alias("doubled"),
            F.sum(F.least("made", "there")).alias("paired"),
            F.max("at").alias("at"),
        )
        .collect()
    )
    newest = max(versions, key=lambda version: (version["at"], version["model_version"]), default=None)
    paired = (newest["paired"] or 0) if newest else 0
    return Pairing(sum(version["doubled"] for version in versions), trips.count() - paired)
