"""The flights, whose delays are told by a second table when they land."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mlops_core.project import EventTable, Label
from mlops_core_tests.flights.events import FLIGHTS

TOLD = ("late", "dep_delay", "arr_delay")
LANDINGS = EventTable(
    "landings",
    columns=tuple(
        replace(each, known_late=None) for each in FLIGHTS.columns if each.name in ("flight_id", "landed_at", *TOLD)
    ),
    event_time="landed_at",
    known_at="landed_at",
    identity=("flight_id",),
    time_zone=FLIGHTS.time_zone,
    longest=timedelta(days=1),
    noun="landing",
)
LATER = replace(
    FLIGHTS,
    columns=tuple(each for each in FLIGHTS.columns if each.name not in ("landed_at", *TOLD)),
    longest=timedelta(days=3),
    label=Label(LANDINGS, "late", within=timedelta(days=3), also=("dep_delay", "arr_delay")),
)
