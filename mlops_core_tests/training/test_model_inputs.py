"""A model is fitted on rows in the order of time, whose types are those that callers of the logged model give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from pyspark.sql import functions as F

from mlops_core.project import Input
from mlops_core.training.model_inputs import as_declared, model_inputs
from mlops_core.training.split import in_order_of_time
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN
from mlops_core_tests.flights.project import MODEL, PROJECT, seeing
from mlops_core_tests.flights.train import TRAINING


def test_rows_are_in_the_order_of_time_whatever_order_they_come_in(flight_events, flights):
    orders = [
        in_order_of_time(
            FLIGHTS, model_inputs(PROJECT, flight_events.repartition(parts).orderBy(F.rand(parts)), "late")
        )
        for parts in (1, 5)
    ]
    first, second = (rows.toPandas() for rows in orders)
    pd.testing.assert_frame_equal(first, second)
    assert (first.columns[0], first.columns[-1]) == ("scheduled_departure", "late")
    assert first["scheduled_departure"].is_monotonic_increasing
    assert len(first) == len(flights)


def test_inputs_are_computed_by_their_expressions_in_their_declared_types(flight_events, flights):
    is_far = Input("is_far", "boolean", "Over a thousand miles", expression="distance > 1000")
    hours = Input("hours", "double", "Hours of the day", expression="hour(scheduled_departure) + 1")
    rows = model_inputs(seeing("carrier", is_far, hours), flight_events)
    assert dict(rows.dtypes) == {
        "scheduled_departure": "timestamp",
        "carrier": "string",
        "is_far": "boolean",
        "hours": "double",
    }
    made = rows.toPandas()
    assert made["is_far"].sum() == (flights["distance"] > 1000).sum()
    assert made["hours"].sum() == (flights["scheduled_departure"].dt.hour + 1).sum()


def test_texts_and_booleans_stay_and_numbers_are_what_mlflow_takes():
    is_far = Input("is_far", "boolean", "Over a thousand miles", expression="distance > 1000")
    training = replace(TRAINING, inputs=("carrier", "tailnum", "origin", "distance", is_far))
    project = replace(PROJECT, feature_tables=(ORIGIN,), models=(replace(MODEL, training=training, not_watched=()),))
    rows = pd.DataFrame(
        {
            "carrier": ["AA", "UA"],
            "tailnum": ["N1", None],
            "origin": ["JFK", "EWR"],
            "distance": np.array([500, 1_500], "int32"),
            "is_far": [False, True],
            "origin_late_3h": np.array([0.5, np.nan], "float32"),
            "origin_flights_3h": pd.array([3, None], "Int32"),
            "late": [0, 1],
        }
    )
    kinds = as_declared(project, rows).dtypes.astype(str).to_dict()
    assert kinds == {
        "carrier": "object",
        "tailnum": "object",
        "origin": "object",
        "distance": "int64",
        "is_far": "bool",
        "origin_late_3h": "float64",
        "origin_flights_3h": "float64",
        "late": "int64",
    }
    signature = infer_signature(as_declared(project, rows).drop(columns="late"))
    assert [str(kind) for kind in signature.inputs.input_types()] == [
        "DataType.string",
        "DataType.string",
        "DataType.string",
        "DataType.long",
        "DataType.boolean",
        "DataType.double",
        "DataType.double",
    ]


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("has_null", [True, False])
def test_an_integer_that_may_be_missing_is_a_double(nullable, has_null):
    """Also one that is declared to be there always and is not."""
    distance = replace(FLIGHTS.column("distance"), nullable=nullable)
    doubled = Input("doubled", "int", "Twice the distance", expression="2 * distance")
    columns = tuple(distance if column.name == "distance" else column for column in FLIGHTS.columns)
    project = seeing("distance", doubled, events=replace(FLIGHTS, columns=columns))
    values = pd.array([500, None if has_null else 600], "Int32")
    rows = as_declared(project, pd.DataFrame({"distance": values, "doubled": values}))
    expected = "float64" if nullable or has_null else "int64"
    assert list(rows.dtypes.astype(str)) == [expected, expected]
