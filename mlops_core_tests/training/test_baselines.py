"""What looked-up features are worth is told by two models of the same rows and parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from mlops_core.defs.training_record import record_of
from mlops_core.training import baselines
from mlops_core_tests.flights.features import ORIGIN_HOUR
from mlops_core_tests.flights.project import MODEL, project_of
from mlops_core_tests.flights.train import Hyperparameters, fit, predict

PROJECT = project_of(ORIGIN_HOUR)


@pytest.fixture
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    share = random.random(600)
    made = {name: random.integers(0, 5, 600).astype(float) for name in ("distance", "departure_hour", "weekday")}
    return pd.DataFrame(
        made
        | {
            "scheduled_departure": pd.date_range("2013-02-01", periods=600, freq="20min"),
            "carrier": "AA",
            "origin": random.choice(["EWR", "JFK"], 600),
            "dest": "BOS",
            "origin_late_1h": share,
            "origin_delay_1h": random.normal(size=600),
            "origin_flights_1h": 3,
            "late": (random.random(600) < share).astype(int),
        }
    )


@pytest.mark.parametrize("most", [200, 1_000])
def test_both_models_see_the_same_rows(rows: pd.DataFrame, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "COMPARISON_ROWS", most)
    seen: list[list[pd.Timestamp]] = []

    def remembering(given: pd.DataFrame, parameters: Hyperparameters) -> object:
        seen.append(list(given.scheduled_departure))
        return fit(given, parameters)

    past, held_out, parameters = rows[:500], rows[500:], Hyperparameters()
    project = replace(PROJECT, models=(replace(MODEL, training=replace(MODEL.training, fit=remembering)),))
    measured = record_of(project, fit(past, parameters), past, held_out, parameters, fitted_rows=500).metrics
    with_features = past[past.scheduled_departure.isin(seen[-1])]
    assert len(with_features) == min(most, 500) and len(seen) == (2 if most < 500 else 1)
    assert all(times == list(with_features.scheduled_departure) for times in seen)
    assert measured.get("rows_of_features_comparison") == (most if most < 500 else None)
    left_out = ["origin_late_1h", "origin_delay_1h", "origin_flights_1h"]
    losses = [
        log_loss(held_out.late, predict(fit(part, parameters), held_out[part.columns]))
        for part in (with_features, with_features.drop(columns=left_out))
    ]
    assert measured["log_loss_without_features"] == pytest.approx(losses[1])
    assert measured["log_loss_change_by_features"] == pytest.approx(losses[0] - losses[1])
