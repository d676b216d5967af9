"""How punctual an airport, a carrier and a route were of late, by the flights that have landed."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Count, Distinct, Expression, Max, Mean, Min, Share, Sum, WindowTable
from mlops_core_tests.flights.events import FLIGHTS

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)

ORIGIN = WindowTable(
    "origin_features",
    meaning="Punctuality of an airport's departures of the last three hours.",
    events=FLIGHTS,
    entity={"origin": "origin"},
    length=3 * HOUR,
    slide=QUARTER,
    aggregates=(
        Share("origin_late_3h", "Share of flights that arrived late", where="late = 1"),
        Count("origin_flights_3h", "Flights that landed"),
        Expression("origin_is_busy_3h", "CAST(origin_flights_3h > 40 AS INT)", "int", "1 with more than 40 flights"),
    ),
)
ROUTE = WindowTable(
    "route_features",
    meaning="What a carrier's flights to an airport were like in the last day.",
    events=FLIGHTS,
    entity={"carrier": "carrier", "dest": "dest"},
    length=24 * HOUR,
    slide=HOUR,
    aggregates=(
        Mean("route_delay_24h", "Mean delay at the arrival", of="arr_delay", unit="min"),
        Sum("route_miles_24h", "Distance flown", of="distance", unit="mi"),
        Min("route_best_24h", "Smallest delay", of="arr_delay", type="double", unit="min"),
        Max("route_worst_24h", "Largest delay", of="arr_delay", type="double", unit="min"),
        Distinct("route_aircraft_24h", "Aircraft that flew it", of="tailnum"),
        Count("route_far_24h", "Flights of more than a thousand miles", where="distance > 1000"),
    ),
)
