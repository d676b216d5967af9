"""Fares by XGBoost, fitted in memory and by two workers of Apache Spark: the same declaration, gate and predictions."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_core.adapters.spark import LocalSpark
from mlops_core.cli.run import run_pipeline
from mlops_core.project import Training
from mlops_core_tests.training.workers import Elsewhere, Hyperparameters
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.training.train import TRAINING
from my_mlops_stacks_tests.pipeline_runs import DAYS, Pipeline

TRAINER = Elsewhere(TRIPS, objective="reg:squarederror", workers=2)
MODEL = replace(
    PROJECT.model,
    training=Training(
        inputs=TRAINING.inputs, trainer=TRAINER, hyperparameters=Hyperparameters, packages=("numpy", "pandas")
    ),
)

BINS = (128, 200, 240, 256, 280, 320, 400, 512)
"""Workers sketch other bins than one process does: what that may change is what other bins change in memory."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")
def test_fares_of_two_workers_pass_the_same_gate_as_those_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITTED_IN", str(tmp_path))
    monkeypatch.setattr(LocalSpark, "has_workers", lambda _: True)  # those of the Spark that `Elsewhere` starts
    made, project = Pipeline(tmp_path, first_day=DAYS[0], last_day=DAYS[1]), replace(PROJECT, models=(MODEL,))
    run_pipeline(project, made.target, made.registry, made.instance)
    champion = made.registry.at_alias("champion")
    assert champion.record.validation_status == "passed"
    assert champion.record.training_share is None
    rows = pd.read_parquet(tmp_path / "rows")
    trips = made.table("trips").dropna(subset=[TRIPS.label_column])
    over = trips[TRIPS.known_at].dt.tz_localize(None) < pd.Timestamp(champion.record.held_out_from)
    assert len(rows) == over.sum() > 5_000
    scored = made.table("predictions").merge(trips[[*TRIPS.identity, TRIPS.label_column]], on=list(TRIPS.identity))
    rows = rows.assign(**{TRIPS.event_time: 0})
    others = [replace(TRAINER, fixed={"max_bin": bins}) for bins in BINS]
    in_memory = [each.predict(each.fit(rows, Hyperparameters()), scored) for each in others]
    errors = [rmse(scored[TRIPS.label_column], predicted) for predicted in (scored["prediction"], *in_memory)]
    noise = np.std(errors[1:], ddof=1)
    assert abs(errors[0] - np.mean(errors[1:])) < 4 * noise < 0.2, errors


def rmse(fares: pd.Series, predicted: pd.Series) -> float:
    return float(np.sqrt(((predicted - fares) ** 2).mean()))
