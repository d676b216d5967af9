"""More flights than a training takes and a validation collects: samples are fitted and drawn, all are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import mlflow
import pandas as pd
import pytest
from sklearn import metrics

from mlops_core_tests.flights import sample
from mlops_core_tests.flights.project import MODEL, project_of
from mlops_core_tests.flights.test_pipeline import Flights

FITTED, COLLECTED = 1_000, 300


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flights]:
    model = replace(
        MODEL,
        training=replace(MODEL.training, max_rows=FITTED),
        validation=replace(MODEL.validation, max_rows=COLLECTED),
    )
    project = replace(project_of(), models=(model,))
    yield Flights(tmp_path_factory.mktemp("flights"), sample.flights("generated"), project)


def test_the_training_says_of_how_many_it_is(flights: Flights) -> None:
    version = flights.registry.at_alias("champion")
    known = flights.rows.dropna(subset=["late"])
    past = known[known.landed_at < pd.Timestamp(version.record.held_out_from)]
    assert version.record.training_share == pytest.approx(FITTED / len(past))
    assert flights.registry.run_metrics(version)["example_count"] == COLLECTED


def test_all_flights_held_out_are_measured_and_of_a_sample_is_what_says_so(flights: Flights) -> None:
    version, scored = flights.registry.at_alias("champion"), flights.scored()
    run = flights.registry.client.get_run(version.record.validation_run_id)
    assert run.data.metrics["log_loss"] == pytest.approx(metrics.log_loss(scored.late, scored.prediction))
    assert run.data.metrics["brier_score"] == pytest.approx(metrics.brier_score_loss(scored.late, scored.prediction))
    mlflow.set_tracking_uri(flights.registry.tracking_uri)
    report = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/report.md")
    assert f"Of a sample of {COLLECTED} of the {len(scored):,} flights (max_rows of Validation)" in report
    table = pd.read_csv(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/comparison.csv"))
    by_airport = table[(table["by"] == "origin") & (table["metric"] == "log_loss")].set_index("segment")
    for airport, rows in scored.groupby("origin"):
        assert by_airport.loc[airport, "events"] == len(rows)
        assert by_airport.loc[airport, "candidate"] == pytest.approx(metrics.log_loss(rows.late, rows.prediction))


def test_a_baseline_is_judged_on_the_rows_that_it_was_measured_on(flights: Flights) -> None:
    measured = flights.registry.run_metrics(flights.registry.at_alias("champion"))
    evaluations = flights.results["model_training_job"].get_asset_check_evaluations()
    beaten = next(found for found in evaluations if found.check_name == "candidate_beats_constant")
    assert beaten.metadata["value"].value == pytest.approx(measured["log_loss"], abs=1e-3)
