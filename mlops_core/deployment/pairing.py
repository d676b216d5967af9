"""Whether each event is predicted once by each version."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.deployment.prediction_columns import HISTORY_KEY
from mlops_core.project import EventTable


@dataclass(frozen=True)
class Pairing:
    """Duplicate predictions of an event by a version, and events without a prediction of the newest version."""

    doubled: int
    missing: int


def pairing(events: EventTable, predictions: DataFrame, rows: DataFrame) -> Pairing:
    """Compare the predictions of some days with the events of the same days, `rows`.

    A version may have predicted an event that the source has withdrawn since, and lacks those delivered later; so only
    the version that predicted last is checked for missing events.
    """
    key = ["day", *events.identity]
    made = predictions.groupBy(*HISTORY_KEY, *key).agg(F.count("*").alias("made"), F.max("prediction_time").alias("at"))
    there = rows.groupBy(*key).agg(F.count("*").alias("there"))
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
    return Pairing(sum(version["doubled"] for version in versions), rows.count() - paired)
