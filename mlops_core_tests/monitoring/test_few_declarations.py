"""Monitoring of a project that declares little: no slices, no numbers, a label that is a boolean."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pyspark.sql import DataFrame

from mlops_core.monitoring.bins import bins_of
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from mlops_core.project import Project
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.project import MODEL, PROJECT
from mlops_core_tests.flights.sample import FIRST, LAST
from mlops_core_tests.flights.train import TRAINING


def declaring_little() -> Project:
    training = replace(TRAINING, inputs=("carrier",))
    model = replace(MODEL, training=training, slices=(), not_watched=())
    return Project(PROJECT.package, events=FLIGHTS, feature_tables=(), models=(model,))


def test_without_slices_and_numbers_the_days_are_described_as_a_whole(
    predictions: DataFrame, flight_events: DataFrame, profile: pd.DataFrame
) -> None:
    project = declaring_little()
    some = predictions.drop("dep_delay", *PROJECT.looked_up, "hour", "weekday", "distance")
    found = profile_metrics(some, with_labels(some, flight_events, project, FIRST, LAST), project).toPandas()
    assert found["slice_key"].isna().all()
    assert set(found["column_name"]) == {":table", "carrier", "dest", "origin", "prediction", "late"} - {
        "dest",
        "origin",
    }

    def log_loss(rows: pd.DataFrame) -> pd.Series:
        whole = rows[rows["slice_key"].isna() & (rows["column_name"] == ":table")]
        return whole.set_index("day")["log_loss"].sort_index()

    pd.testing.assert_series_equal(log_loss(found), log_loss(profile))


def test_a_boolean_label_has_bins_as_a_number() -> None:
    columns = tuple(replace(column, type="boolean") if column.name == "late" else column for column in FLIGHTS.columns)
    project = replace(declaring_little(), events=replace(FLIGHTS, columns=columns))
    baseline = pd.DataFrame({"carrier": ["UA"] * 4, "late": [True, False, False, False], "prediction": [0.5] * 4})
    (label,) = [bins for bins in bins_of(baseline, project) if bins.column == "late"]
    assert label.is_label
    assert (label.baseline.present, label.baseline.total, label.baseline.zeros) == (4, 1.0, 3)
