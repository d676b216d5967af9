"""The rows of the project's feature tables for a range of days."""

from __future__ import annotations

from functools import partial

from mlops_core.features.tables import compute_features
from my_mlops_stacks.feature_engineering.features.dropoff_features import DROPOFF_FEATURES
from my_mlops_stacks.feature_engineering.features.pickup_features import PICKUP_FEATURES
from my_mlops_stacks.feature_engineering.features.price_features import PRICE_FEATURES

compute_pickup_features = partial(compute_features, PICKUP_FEATURES)
compute_price_features = partial(compute_features, PRICE_FEATURES)
compute_dropoff_features = partial(compute_features, DROPOFF_FEATURES)
