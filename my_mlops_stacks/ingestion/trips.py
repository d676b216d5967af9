"""What an event is, said once for every stage: a trip, predicted at its pickup, whose fare is known at its drop-off."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from mlops_core.project import Column, EventTable, RowRule, Sample

if TYPE_CHECKING:
    import pyarrow as pa

INFINITE = "double('Infinity')"
"""What is not finite is rejected for that alone."""
MAX_FARE = 10_000
"""Features sum fares as integers, which hold 90 billion of the largest."""


def _generate_trips(*args: Any, **kwargs: Any) -> None:
    from my_mlops_stacks.ingestion.generator import generate_trips

    generate_trips(*args, **kwargs)


def _trips_of_day(day: date, trips: int, seed: int, factor: float) -> pa.Table:
    from my_mlops_stacks.ingestion.generator import trips_of_day

    return trips_of_day(day, trips, seed, factor)


TRIPS = EventTable(
    "trips",
    columns=(
        Column(
            "tpep_pickup_datetime",
            "timestamp",
            "When the meter was switched on: wall clock of New York, without a zone",
        ),
        Column(
            "tpep_dropoff_datetime",
            "timestamp",
            "When the meter was switched off, as wall clock too; null until then",
        ),
        Column("trip_distance", "double", "Distance driven", unit="mi"),
        Column(
            "fare_amount",
            "double",
            "Fare by the meter without tip, tolls and taxes, what the model predicts; null until known",
            unit="USD",
        ),
        Column("pickup_zip", "int", "US zip code of the pickup, as a number: 7030 is 07030", categorical=True),
        Column("dropoff_zip", "int", "US zip code of the drop-off, as a number", categorical=True),
    ),
    event_time="tpep_pickup_datetime",
    known_at="tpep_dropoff_datetime",
    label="fare_amount",
    identity=("tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance"),
    time_zone="America/New_York",
    longest=timedelta(days=1),  # a longer trip is a meter that was left running
    noun="trip",
    first_day=date(2009, 1, 1),  # the commission's records begin here
    rules=(
        RowRule("fare_amount <= 0", "fare not positive"),
        RowRule("fare_amount > 0 AND fare_amount < 0.01", "fare below 0.01 USD"),
        RowRule(f"fare_amount > {MAX_FARE} AND fare_amount < {INFINITE}", f"fare above {MAX_FARE:,} USD"),
        RowRule("trip_distance <= 0", "distance not positive"),
        RowRule(f"trip_distance > 1000 AND trip_distance < {INFINITE}", "distance above 1,000 mi"),
        *(RowRule(f"{name} NOT BETWEEN 1 AND 99999", f"{name} not a US zip") for name in ("pickup_zip", "dropoff_zip")),
    ),
    sample=Sample(version=3, write=_generate_trips, of_day=_trips_of_day),
)
