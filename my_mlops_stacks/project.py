"""The project: what is predicted, what is looked up for it, how a model is made of it, and what that must reach.

Features are looked up at the pickup, those of the drop-off zip too: the drop-off time is not known yet.
"""

from __future__ import annotations

from mlops_core.project import Model, Project
from mlops_core.tasks import Regression
from my_mlops_stacks.feature_engineering.features.dropoff_features import DROPOFF_FEATURES
from my_mlops_stacks.feature_engineering.features.pickup_features import PICKUP_FEATURES
from my_mlops_stacks.feature_engineering.features.price_features import PRICE_FEATURES
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.monitoring.slices import NOT_WATCHED, SLICES
from my_mlops_stacks.training.train import TRAINING
from my_mlops_stacks.validation.validation import VALIDATION

FARE = Model(
    "fare_model",
    "Fare of a trip in USD, from the trip and the features that were known at its pickup.",
    task=Regression(),
    training=TRAINING,
    validation=VALIDATION,
    slices=SLICES,
    not_watched=NOT_WATCHED,
)

PROJECT = Project(
    "my_mlops_stacks",
    events=TRIPS,
    feature_tables=(PICKUP_FEATURES, PRICE_FEATURES, DROPOFF_FEATURES),
    models=(FARE,),
)
