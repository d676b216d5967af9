"""Demand and price level around the pickup: one row per zip and hour that slides by a quarter of an hour."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Count, Mean, WindowTable
from my_mlops_stacks.ingestion.trips import TRIPS

PICKUP_FEATURES = WindowTable(
    "trip_pickup_features",
    meaning="Mean fare and number of trips per pickup zip, in windows of an hour that slide by a quarter of an hour.",
    events=TRIPS,
    entity={"zip": "pickup_zip"},
    length=timedelta(hours=1),
    slide=timedelta(minutes=15),
    empty="zero",
    aggregates=(
        Mean(
            "mean_fare_window_1h_pickup_zip",
            "Mean fare of trips from the zip that ended in the hour before",
            of="fare_amount",
            unit="USD",
        ),
        Count("count_trips_window_1h_pickup_zip", "Trips from the zip that ended in the hour before"),
    ),
)
