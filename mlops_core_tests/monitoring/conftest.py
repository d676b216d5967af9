"""Predictions of flights, some of which never have a label, and the monitor tables that they give."""

from __future__ import annotations

import pandas as pd
import pytest
from pyspark.sql import DataFrame

from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from mlops_core_tests.flights.project import PROJECT
from mlops_core_tests.flights.sample import FIRST, LAST
from mlops_core_tests.flights.task import LATE

PROBABILITY = "round((hash(flight_id) % 500 + 500) / 1000.0D * 0.6 + (dep_delay > 15 IS TRUE)::int * 0.4, 2)"
"""Better than chance, and with many ties."""
FEATURES = {
    name: f"CAST({'NULL' if number % 2 else 'hash(flight_id) % 7'} AS {kind})"
    for number, (name, kind) in enumerate((name, PROJECT.predicted_columns[name][0]) for name in PROJECT.looked_up)
}


@pytest.fixture(scope="session")
def predictions(flight_events: DataFrame) -> DataFrame:
    """Every flight, as a version predicts it: inputs, features, identity, and a probability with two digits."""
    inputs = {column.name: getattr(column, "expression", column.name) for column in PROJECT.inputs}
    own = {name: name for name in ("flight_id", "scheduled_departure", "origin", "distance")}
    said = {"prediction": PROBABILITY, "predicted_class": f"CAST({PROBABILITY} >= {LATE.threshold} AS INT)"}
    columns = own | inputs | FEATURES | said | {"dep_delay": "dep_delay"}
    return flight_events.selectExpr(
        *(f"{how} AS {name}" for name, how in columns.items()),
        "'late_model' AS model_name",
        "1 AS model_version",
        "timestamp'2013-03-01 11:00:00' AS prediction_time",
        "day",
    )


@pytest.fixture(scope="session")
def predicted(predictions: DataFrame, flights: pd.DataFrame) -> pd.DataFrame:
    """The same for pandas, with the labels that are known."""
    labels = flights.set_index("flight_id")["late"].where(flights.set_index("flight_id")["landed_at"].notna())
    frame = predictions.toPandas().drop(columns="dep_delay")
    return frame.assign(late=frame["flight_id"].map(labels).astype("float64"))


@pytest.fixture(scope="session")
def profile(predictions: DataFrame, flight_events: DataFrame) -> pd.DataFrame:
    labelled = with_labels(predictions, flight_events, PROJECT, FIRST, LAST)
    return profile_metrics(predictions, labelled, PROJECT).toPandas()
