"""Price level around the pickup: one row per zip and day that slides by two hours.

A zip has a trip or two in an hour, and what these cost depends on how far they went. A day of fares, each beside what
its distance would cost, says how dear the zip is; a meter that was left running doesn't.
"""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Count, Mean, WindowTable
from my_mlops_stacks.ingestion.trips import TRIPS

PRICE_FEATURES = WindowTable(
    "trip_price_features",
    meaning="Price level per pickup zip, in windows of a day that slide by two hours.",
    events=TRIPS,
    entity={"zip": "pickup_zip"},
    length=timedelta(days=1),
    slide=timedelta(hours=2),
    empty="zero",
    aggregates=(
        Mean(
            "mean_price_level_window_24h_pickup_zip",
            "Mean of fare by 2.50 USD and 2.50 USD a mile, at most 2, of trips from the zip in the day before",
            of="least(2.0, fare_amount / (2.5 + 2.5 * trip_distance))",
        ),
        Count("count_trips_window_24h_pickup_zip", "Trips from the zip in the day before"),
    ),
)
