"""The whole graph with a wrapped model: what was measured, what is logged and what predicts are the same."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mlops_core_tests.flights import sample
from mlops_core_tests.flights.test_pipeline import Flights
from mlops_core_tests.flights.wrapped import INPUTS, WRAPPED


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    return Flights(tmp_path_factory.mktemp("wrapped"), sample.flights("generated"), WRAPPED)


@pytest.fixture(scope="module")
def artifacts(wrapped: Flights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the run of the training kept."""
    mlflow.set_tracking_uri(wrapped.registry.tracking_uri)
    run = wrapped.registry.get(1).run_id
    return Path(mlflow.artifacts.download_artifacts(run_id=run, dst_path=str(tmp_path_factory.mktemp("artifacts"))))


def test_it_becomes_champion_and_predicts_every_flight(wrapped: Flights) -> None:
    assert wrapped.registry.at_alias("champion").version == 1
    assert len(wrapped.table("predictions")) > 1_000


def test_predictions_are_those_of_the_logged_model(wrapped: Flights) -> None:
    predictions = wrapped.table("predictions")
    mlflow.set_tracking_uri(wrapped.registry.tracking_uri)
    mlflow.set_registry_uri(wrapped.registry.registry_uri)
    logged = mlflow.pyfunc.load_model(wrapped.registry.get(1).uri)
    names = logged.metadata.signature.inputs.input_names()
    assert names[: len(INPUTS)] == [each if isinstance(each, str) else each.name for each in INPUTS]
    numbers = dict.fromkeys(("origin_late_3h", "origin_flights_3h", "origin_is_busy_3h"), "float64")
    given = predictions[names].astype(numbers | {"distance": "int64"})
    given = given.assign(departs_at=given.departs_at.dt.tz_localize(None))
    np.testing.assert_allclose(logged.predict(given), predictions.prediction)


def test_what_training_measured_is_what_scikit_learn_makes_of_the_predictions(wrapped: Flights) -> None:
    scored, measured = wrapped.scored(), wrapped.registry.run_metrics(wrapped.registry.get(1))
    assert measured["log_loss"] == pytest.approx(metrics.log_loss(scored.late, scored.prediction))
    assert measured["roc_auc"] == pytest.approx(metrics.roc_auc_score(scored.late, scored.prediction))
    learnt_from = wrapped.rows[wrapped.rows.landed_at < "2013-02-04"]  # odds of 4 times that, if nothing was corrected
    assert scored.prediction.mean() == pytest.approx(learnt_from.late.mean(), abs=0.06)


def test_each_segment_is_measured(wrapped: Flights, artifacts: Path) -> None:
    found, scored = pd.read_csv(artifacts / "segments.csv").set_index("carrier"), wrapped.scored()
    assert found.has_own_model.all()
    for carrier, rows in scored.groupby("carrier"):
        assert found.loc[carrier, "held_out_rows"] == len(rows)
        assert found.loc[carrier, "roc_auc"] == pytest.approx(metrics.roc_auc_score(rows.late, rows.prediction))
    notes = (artifacts / "notes.md").read_text()
    assert "segments: 3 of 3 values of carrier have a model of their own" in notes
    assert "rows of 0 are fitted" in notes and "tailnum: 60 levels, of which the" in notes


def test_monitoring_looks_at_each_segment(wrapped: Flights) -> None:
    profile = wrapped.table("inference_profile_metrics")
    of_segments = profile[(profile.slice_key == "carrier") & (profile.column_name == ":table")]
    assert set(of_segments.slice_value) == {"AA", "B6", "UA"}
    assert of_segments.log_loss.notna().all()
    predictions, drift = wrapped.table("predictions"), wrapped.table("inference_drift_metrics")
    of_distance = drift[(drift.slice_key == "carrier") & (drift.column_name == "distance")]
    counts = predictions.groupby(["day", "carrier"]).size()
    assert of_distance.set_index(["day", "slice_value"])["count"].to_dict() == counts.to_dict()
