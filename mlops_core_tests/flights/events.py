"""A flight, predicted at its scheduled departure; whether it was late is known when it lands, never if it doesn't."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Column, EventTable

FLIGHTS = EventTable(
    "flights",
    columns=(
        Column("flight_id", "bigint", "Number of the flight in the records"),
        Column("scheduled_departure", "timestamp", "When it should leave, local time"),
        Column("landed_at", "timestamp", "When it landed, local time of the departure; null until then"),
        Column("carrier", "string", "Airline"),
        Column("origin", "string", "Airport that it leaves"),
        Column("dest", "string", "Airport that it flies to"),
        Column("tailnum", "string", "Aircraft; unknown of some", nullable=True),
        Column("distance", "int", "Distance", unit="mi"),
        Column("dep_delay", "double", "Delay at the departure", unit="min", nullable=True, known_late=True),
        Column("arr_delay", "double", "Delay at the arrival", unit="min", nullable=True, known_late=True),
        Column("late", "int", "1 when it arrived more than 15 minutes late, else 0; null until it landed"),
    ),
    event_time="scheduled_departure",
    known_at="landed_at",
    label="late",
    identity=("flight_id",),
    time_zone="America/New_York",
    longest=timedelta(days=1),
    noun="flight",
)
