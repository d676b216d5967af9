"""The project: what is predicted, what is looked up for it, and by what it is looked at.

Features are looked up at the pickup, those of the drop-off zip too: the drop-off time is not known yet.
"""

from __future__ import annotations

from mlops_core.project import Project
from mlops_core.tasks import Regression
from my_mlops_stacks.events import TRIPS
from my_mlops_stacks.feature_engineering.features.dropoff_features import DROPOFF_FEATURES
from my_mlops_stacks.feature_engineering.features.pickup_features import PICKUP_FEATURES
from my_mlops_stacks.monitoring.slices import SLICES

PROJECT = Project(
    events=TRIPS,
    feature_tables=(PICKUP_FEATURES, DROPOFF_FEATURES),
    task=Regression(),
    slices=SLICES,
)
