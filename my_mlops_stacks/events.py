"""What an event is, said once for every stage: a trip, predicted at its pickup, whose fare is known at its drop-off."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Column, EventTable

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
        Column("pickup_zip", "int", "US zip code of the pickup, as a number: 7030 is 07030"),
        Column("dropoff_zip", "int", "US zip code of the drop-off, as a number"),
    ),
    event_time="tpep_pickup_datetime",
    known_at="tpep_dropoff_datetime",
    label="fare_amount",
    identity=("tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance"),
    time_zone="America/New_York",
    longest=timedelta(days=1),  # a longer trip is a meter that was left running
)
