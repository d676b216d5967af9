"""The weather at the airports, a second table of events: it is known as it is observed, and nobody predicts it."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Column, EventTable, Max, Mean, Min, WindowTable

WEATHER = EventTable(
    "weather",
    columns=(
        Column("origin", "string", "Airport"),
        Column("observed_at", "timestamp", "When it was observed, local time"),
        Column("wind_speed", "double", "Speed of the wind", unit="mi/h", nullable=True),
        Column("precip", "double", "Precipitation of the last hour", unit="in", nullable=True),
        Column("visib", "double", "Visibility", unit="mi", nullable=True),
    ),
    event_time="observed_at",
    known_at="observed_at",
    identity=("origin", "observed_at"),
    time_zone="America/New_York",
    longest=timedelta(days=1),
    noun="observation",
)
WEATHER_3H = WindowTable(
    "weather_features",
    meaning="Weather at an airport in the last three hours.",
    events=WEATHER,
    entity={"origin": "origin"},
    length=timedelta(hours=3),
    slide=timedelta(hours=1),
    aggregates=(
        Max("wind_3h", "Strongest wind", of="wind_speed", type="double", unit="mi/h"),
        Mean("precip_3h", "Mean precipitation of an hour", of="precip", unit="in"),
        Min("visib_3h", "Worst visibility", of="visib", type="double", unit="mi"),
    ),
)
