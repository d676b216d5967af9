"""Which features a trip looks up, and when: both tables at the pickup, for the drop-off time is not known yet."""

from __future__ import annotations

from my_mlops_stacks.training.columns import PICKUP
from my_mlops_stacks.training.feature_lookup import FeatureLookup

FEATURE_LOOKUPS = (
    FeatureLookup(
        table_name="trip_pickup_features",
        lookup_key="pickup_zip",
        feature_names=["mean_fare_window_1h_pickup_zip", "count_trips_window_1h_pickup_zip"],
        timestamp_lookup_key=PICKUP,
    ),
    FeatureLookup(
        table_name="trip_dropoff_features",
        lookup_key="dropoff_zip",
        feature_names=["count_trips_window_30m_dropoff_zip", "dropoff_is_weekend"],
        timestamp_lookup_key=PICKUP,
    ),
)

LOOKED_UP = tuple(lookup.output_name(name) for lookup in FEATURE_LOOKUPS for name in lookup.features)
