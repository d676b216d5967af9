"""Arrivals around the drop-off: one row per zip and half hour."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Count, Expression, WindowTable
from my_mlops_stacks.ingestion.trips import TRIPS

DROPOFF_FEATURES = WindowTable(
    "trip_dropoff_features",
    meaning="Number of trips per drop-off zip in windows of half an hour, and whether the window ends on a weekend.",
    events=TRIPS,
    entity={"zip": "dropoff_zip"},
    length=timedelta(minutes=30),
    slide=timedelta(minutes=30),
    empty="zero",
    aggregates=(
        Count("count_trips_window_30m_dropoff_zip", "Trips to the zip that ended in the half hour before"),
        Expression(
            "dropoff_is_weekend",
            "dayofweek(ts) IN (1, 7)",
            type="int",
            meaning="1 when the window ends on a Saturday or a Sunday of the wall clock, else 0",
        ),
    ),
)
