"""Fare and duration of a trip, from the same events and feature tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_core.project import Column, MetricThreshold, Model, Project, Training, Validation
from mlops_core.tasks import Regression
from my_mlops_stacks.feature_engineering.features.dropoff_features import DROPOFF_FEATURES
from my_mlops_stacks.feature_engineering.features.pickup_features import PICKUP_FEATURES
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import FARE as EXAMPLE
from my_mlops_stacks.training import train

if TYPE_CHECKING:
    import lightgbm
    import pandas as pd

MINUTES = "(unix_timestamp(tpep_dropoff_datetime) - unix_timestamp(tpep_pickup_datetime)) / 60"
TIMED = replace(
    TRIPS,
    columns=(*TRIPS.columns, Column("minutes", "double", "Time from pickup to drop-off", "min", computed_by=MINUTES)),
)


def fit(rows: pd.DataFrame, parameters: train.Hyperparameters) -> lightgbm.Booster:
    return train.fit(rows.rename(columns={"minutes": TRIPS.label_column}), parameters)


TRAINING = Training(
    inputs=train.TRAINING.inputs,
    fit=fit,
    predict=train.predict,
    hyperparameters=train.Hyperparameters,
    flavor="lightgbm",
    packages=train.TRAINING.packages,
    importance=train.importance,
)
FARE = replace(EXAMPLE, not_watched=("pickup_weekday", "dropoff_is_weekend"))  # of the two feature tables
DURATION = Model(
    "duration_model",
    "Duration of a trip in minutes, from the trip and the features that were known at its pickup.",
    task=Regression(),
    label="minutes",
    training=TRAINING,
    validation=Validation(
        thresholds=lambda: {"mean_absolute_error": MetricThreshold(threshold=10.0, greater_is_better=False)}
    ),
    slices=FARE.slices,
    not_watched=FARE.not_watched,
)
PROJECT = Project(
    "my_mlops_stacks_tests.two_models",
    events=TIMED,
    feature_tables=tuple(replace(table, events=TIMED) for table in (PICKUP_FEATURES, DROPOFF_FEATURES)),
    models=(FARE, DURATION),
)
