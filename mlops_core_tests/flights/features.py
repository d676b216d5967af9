"""How punctual an airport, a carrier and a route were of late, by the flights that have landed."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Count, Distinct, Expression, Max, Mean, Min, Share, Sum, WindowTable
from mlops_core_tests.flights.events import FLIGHTS

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)

ORIGIN_HOUR = WindowTable(
    "origin_hour_features",
    meaning="Punctuality of an airport's departures of the last hour.",
    events=FLIGHTS,
    entity={"origin": "origin"},
    length=HOUR,
    slide=QUARTER,
    aggregates=(
        Share("origin_late_1h", "Share of flights that arrived late", where="late = 1"),
        Mean("origin_delay_1h", "Mean delay at the departure", of="dep_delay", unit="min"),
        Count("origin_flights_1h", "Flights that landed"),
    ),
)
CARRIER = WindowTable(
    "carrier_features",
    meaning="Punctuality of an airline in the last six hours.",
    events=FLIGHTS,
    entity={"carrier": "carrier"},
    length=6 * HOUR,
    slide=QUARTER,
    aggregates=(
        Share("carrier_late_6h", "Share of flights that arrived late", where="late = 1"),
        Mean("carrier_delay_6h", "Mean delay at the arrival", of="arr_delay", unit="min"),
    ),
)
DEST = WindowTable(
    "dest_features",
    meaning="Punctuality of flights to an airport in the last day.",
    events=FLIGHTS,
    entity={"dest": "dest"},
    length=24 * HOUR,
    slide=HOUR,
    aggregates=(
        Share("dest_late_24h", "Share of flights that arrived late", where="late = 1"),
        Mean("dest_delay_24h", "Mean delay at the arrival", of="arr_delay", unit="min"),
    ),
)
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
