"""The aircraft, as they are registered from a time on: a table that changes slowly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mlops_core.project import Column, EventTable, StaticTable
from mlops_core_tests.flights.project import MODEL, PROJECT
from mlops_core_tests.flights.train import TRAINING

PLANES = EventTable(
    "planes",
    columns=(
        Column("tailnum", "string", "Aircraft"),
        Column("known_from", "timestamp", "When it was registered so, local time"),
        Column("seats", "int", "Seats", nullable=True),
        Column("engine", "string", "Kind of its engines", nullable=True),
    ),
    event_time="known_from",
    known_at="known_from",
    identity=("tailnum", "known_from"),
    time_zone="America/New_York",
    longest=timedelta(days=1),
    noun="registration",
)
AIRCRAFT = StaticTable(
    "aircraft_features",
    meaning="What an aircraft is registered as.",
    events=PLANES,
    entity={"tailnum": "tailnum"},
    passed=("seats", "engine"),
)
WITH_PLANES = replace(
    PROJECT,
    feature_tables=(*PROJECT.feature_tables, AIRCRAFT),
    models=(
        replace(
            MODEL,
            training=replace(TRAINING, inputs=(*TRAINING.inputs, "tailnum")),
            not_watched=(*MODEL.not_watched, "tailnum"),
        ),
    ),
)
"""The project whose model also sees which aircraft flies."""
