"""The features that predictions were made with, in the place of those that are looked up for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mlops_core.balanced import any_of
from mlops_core.project.feature_lookup import FeatureLookup

WAS_SERVED = "__was_served"
"""Of a training row: whether one of its features is as it served."""

SERVED, IS_SERVED, EVENT, NTH = "__served_{}", "__is_served_{}", "__event_{}", "__nth_prediction"


def event_columns(predictions: DataFrame, identity: Sequence[str], lookups: Sequence[FeatureLookup]) -> tuple[str, ...]:
    """What tells one event from another, and what its features are looked up by.

    Without keys that the predictions lack: no version has looked up by them yet.
    """
    keys = [key for lookup in lookups for key in (*lookup.keys, lookup.timestamp_lookup_key or "")]
    outputs = {lookup.output_name(name) for lookup in lookups for name in lookup.features}
    asked = dict.fromkeys((*identity, *(key for key in keys if key not in outputs)))
    return tuple(name for name in asked if name in predictions.columns)


def first_served(predictions: DataFrame, event: Sequence[str]) -> DataFrame:
    """Of each event its first prediction: later ones may be of features that were built again meanwhile."""
    order = Window.partitionBy(*event).orderBy("prediction_time", "model_name", "model_version")
    return predictions.withColumn(NTH, F.row_number().over(order)).where(F.col(NTH) == 1).drop(NTH)


def as_served(rows: DataFrame, served: DataFrame, event: Sequence[str], stored: Mapping[str, Column]) -> DataFrame:
    """`rows` with the features of `served`, one row an event, and `WAS_SERVED`; others keep what was looked up.

    Args:
        stored: feature -> whether a row of `served` was predicted with it, looked up as training looks it up.
    """
    if not stored:
        return rows.withColumn(WAS_SERVED, F.lit(False))
    there = served.select(
        *(F.col(name).alias(EVENT.format(name)) for name in event),
        *(F.col(name).cast(kind).alias(SERVED.format(name)) for name, kind in rows.dtypes if name in stored),
        *(is_stored.alias(IS_SERVED.format(name)) for name, is_stored in stored.items()),
    )
    flags = {name: F.coalesce(F.col(IS_SERVED.format(name)), F.lit(False)) for name in stored}
    same = [F.col(name).eqNullSafe(F.col(EVENT.format(name))) for name in event]  # of the keys, any may be null
    joined = rows.join(there, reduce(and_, same), "left")
    taken = {name: F.when(flags[name], F.col(SERVED.format(name))).otherwise(F.col(name)) for name in stored}
    columns = (taken[name].alias(name) if name in taken else F.col(name) for name in rows.columns)
    return joined.select(*columns, any_of(flags.values()).alias(WAS_SERVED))
