"""The project of late flights."""

from __future__ import annotations

from dataclasses import replace

from mlops_core.project import (
    ByBand,
    ByHour,
    ByValue,
    EventTable,
    FeatureLookup,
    FeatureTable,
    Input,
    MetricThreshold,
    Model,
    Project,
    Validation,
)
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN, ROUTE
from mlops_core_tests.flights.task import LATE
from mlops_core_tests.flights.train import TRAINING
from mlops_core_tests.flights.weather import WEATHER_3H

MODEL = Model(
    "late_model",
    "Probability that a flight arrives more than 15 minutes late, from what is known at its scheduled departure.",
    task=LATE,
    training=TRAINING,
    validation=Validation(thresholds=lambda: {"roc_auc": MetricThreshold(threshold=0.5, greater_is_better=True)}),
    slices=(
        ByValue("origin", "origin", title="airport"),
        ByHour("departure_hour", FLIGHTS.event_time, title="hour of the departure"),
        ByBand("distance_band", "distance", title="distance", edges=(500.0, 1_000.0, 2_000.0), unit="mi"),
    ),
    not_watched=("weekday",),
)


def project_of(*tables: FeatureTable, events: EventTable = FLIGHTS, lookups: tuple[FeatureLookup, ...] = ()) -> Project:
    """The project with other feature tables."""
    model = replace(MODEL, lookups=lookups)
    return Project("mlops_core_tests.flights", events=events, feature_tables=tables, models=(model,))


def seeing(*inputs: str | Input, events: EventTable = FLIGHTS) -> Project:
    """A project whose model sees other inputs of a flight, and looks nothing up."""
    model = replace(MODEL, training=replace(TRAINING, inputs=inputs), not_watched=())
    return Project("mlops_core_tests.flights", events=events, feature_tables=(), models=(model,))


PROJECT = replace(project_of(ORIGIN, ROUTE, WEATHER_3H), prefix="flights")
