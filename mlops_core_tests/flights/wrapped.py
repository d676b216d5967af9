"""Late flights with all that a model can be wrapped in: inputs of every type, sampling, weights, segments."""

from __future__ import annotations

from dataclasses import replace

from mlops_core.project import Encoding, Input, Segments
from mlops_core_tests.flights import libraries
from mlops_core_tests.flights.features import ORIGIN
from mlops_core_tests.flights.project import MODEL, project_of
from mlops_core_tests.flights.train import TRAINING

INPUTS = (
    "origin",
    "carrier",
    "dest",
    "tailnum",
    "distance",
    Input("is_far", "boolean", "Over a thousand miles", expression="distance > nullif(1000, distance)"),
    Input("day_of_departure", "date", "Day of the departure", expression="to_date(scheduled_departure)"),
    Input("departs_at", "timestamp", "Scheduled departure", expression="scheduled_departure"),
)
WRAPPED_TRAINING = replace(
    TRAINING,
    inputs=INPUTS,
    fit=libraries.fit_trees,
    predict=libraries.predict_estimator,
    encoding=Encoding(min_count=45),
    sampling={0: 0.5},
    weights={1: 2.0},
)
WRAPPED_MODEL = replace(
    MODEL,
    training=WRAPPED_TRAINING,
    segments=Segments("carrier", 400),
    not_watched=(),
    validation=replace(MODEL.validation, beats_constant=False, features_do_no_harm=False),  # so few rows learn little
)
WRAPPED = replace(project_of(ORIGIN), models=(WRAPPED_MODEL,), prefix="wrapped")
