"""By what predictions are looked at besides as a whole, in validation and in monitoring."""

from __future__ import annotations

from mlops_core.project import ByBand, ByHour, ByValue
from my_mlops_stacks.ingestion.trips import TRIPS

SLICES = (
    ByHour("pickup_hour", TRIPS.event_time, title="hour of the pickup"),
    ByValue("pickup_zip", "pickup_zip", title="pickup zip"),
    ByBand("distance_band", "trip_distance", title="distance", edges=(1.0, 2.0, 4.0, 8.0), unit="mi"),
)

NOT_WATCHED = (
    *("pickup_weekday", "dropoff_is_weekend"),
    *("mean_price_level_window_24h_pickup_zip", "count_trips_window_24h_pickup_zip"),
)
"""Inputs that differ between days and hardly within one: no day is like the days of the training."""
