"""A training that searches hyperparameters and chooses a threshold, in the whole graph; then another of the same rows,
beside a champion with another threshold.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import mlflow
import numpy as np
import optuna
import pandas as pd
import pytest
from mlflow.entities import Run
from optuna.storages.journal import JournalFileBackend
from sklearn import metrics
from sklearn.pipeline import Pipeline

from mlops_core.defs.definitions import definitions_of
from mlops_core.project import EarlyStopping
from mlops_core.tasks import BinaryClassification, Decision
from mlops_core.version_record import VersionRecord
from mlops_core_tests.flights import sample, train
from mlops_core_tests.flights.features import ORIGIN
from mlops_core_tests.flights.project import project_of
from mlops_core_tests.flights.test_pipeline import Flights

COSTS = Decision(false_alarm=1, miss=1.5)
PROJECT = replace(project_of(ORIGIN), prefix="flights")


def fit(rows: pd.DataFrame, parameters: train.Hyperparameters, later: pd.DataFrame | None = None) -> Pipeline:
    """The flights' own model, which knows its best stage where there are later rows."""
    model = train.fit(rows, parameters)
    if later is not None:
        stages = model[-1].staged_predict_proba(model[:-1].transform(later[list(model.feature_names_in_)]))
        model.best_ = int(np.argmin([metrics.log_loss(later.late, stage) for stage in stages])) + 1
    return model


STOPPED = replace(train.TRAINING, fit=fit, early_stopping=EarlyStopping("max_iter", lambda model: model.best_))
PROJECT = replace(
    PROJECT,
    models=(replace(PROJECT.model, task=BinaryClassification(decision=COSTS), training=STOPPED),),
)
OTHER = 0.7
"""The threshold that the champion has when the second version is judged."""
TRIALS = 4


class Searched(Flights):
    """A run of everything, and a second training that its launch asks to search."""

    def __init__(self, folder: Path) -> None:
        rows = sample.flights("generated")
        super().__init__(folder, rows, PROJECT, {"search": "always", "search_trials": TRIALS})
        mlflow.set_tracking_uri(self.registry.tracking_uri)
        self.chosen = self.registry.get(1).record.decision_threshold or 0
        self.registry.write(self.registry.get(1), VersionRecord(decision_threshold=OTHER))
        job = definitions_of(PROJECT, self.target).resolve_job_def("flights_model_training_job")
        asked = {"search": True, "search_trials": TRIALS + 1}
        self.again = job.execute_in_process(
            instance=self.instance, run_config={"ops": {"flights__late_model": {"config": asked}}}
        )

    def training(self, version: int) -> Run:
        return self.registry.client.get_run(self.registry.get(version).run_id)

    def search(self, version: int) -> Run:
        return self.registry.client.get_run(self.registry.get(version).record.search_run_id)

    def study(self, folder: Path) -> optuna.Study:
        """As Optuna reads it from MLflow's artifact."""
        file = mlflow.artifacts.download_artifacts(
            run_id=self.search(1).info.run_id, artifact_path="study.log", dst_path=str(folder)
        )
        return optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(JournalFileBackend(file)))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return Searched(tmp_path_factory.mktemp("searched"))


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (made,) = (
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["flights", "late_model"])
    )
    return {name: value.value for name, value in made.metadata.items()}


def test_the_model_has_the_best_of_the_trials(searched: Searched, tmp_path: Path) -> None:
    study = searched.study(tmp_path)
    trials = study.trials[:TRIALS]
    best = min(
        (trial for trial in trials if trial.value is not None and trial.state.name == "COMPLETE"),
        key=lambda each: each.value,
    )
    params = searched.training(1).data.params
    assert {name: float(params[name]) for name in best.params} == pytest.approx(best.params)
    assert searched.training(1).data.metrics["mean_cost_of_search"] == pytest.approx(best.value)
    assert trials[0].params == {"max_leaf_nodes": 4, "learning_rate": 0.05}  # what the target states


def test_all_rows_are_fitted_for_the_rounds_that_were_best_on_the_last_fold(searched: Searched) -> None:
    rounds = int(searched.training(1).data.params["max_iter"])
    logged = Path(mlflow.artifacts.download_artifacts(searched.registry.get(1).uri))
    model = mlflow.sklearn.load_model(str(logged / "data" / "feature_store" / "raw_model"))
    assert 1 <= rounds <= 20 and model[-1].n_iter_ == rounds
    assert not hasattr(model, "best_")  # it was fitted without later rows


def test_what_was_tried_is_beside_the_model(searched: Searched) -> None:
    about = metadata(searched.results["model_training_job"])
    assert about["search_run"].endswith(searched.search(1).info.run_id)
    assert about["search_trials"] == TRIALS
    assert "image/png" in about["search_history"]
    files = {found.path for found in searched.registry.client.list_artifacts(searched.search(1).info.run_id)}
    assert files >= {"study.log", "search_history.png"}
    assert searched.search(1).data.params["folds"] == "3"


def test_a_second_training_on_the_same_rows_goes_on_with_the_trials(searched: Searched, tmp_path: Path) -> None:
    assert searched.search(1).info.run_id == searched.search(2).info.run_id
    assert len(searched.study(tmp_path).trials) == TRIALS + 1
    assert metadata(searched.again)["search_trials"] == TRIALS + 1


def mean_cost(scored: pd.DataFrame, threshold: float) -> float:
    alarm = scored.prediction >= threshold
    false, missed = (alarm & (scored.late == 0)).mean(), (~alarm & (scored.late == 1)).mean()
    return COSTS.false_alarm * false + COSTS.miss * missed


def test_predictions_and_metrics_are_by_the_threshold_that_was_chosen(searched: Searched) -> None:
    scored, measured = searched.scored(), searched.registry.run_metrics(searched.registry.get(1))
    assert searched.chosen not in (0.5, OTHER)
    assert (scored.predicted_class == (scored.prediction >= searched.chosen)).all()
    assert measured["recall_score"] == pytest.approx(metrics.recall_score(scored.late, scored.predicted_class))
    assert measured["mean_cost"] == pytest.approx(mean_cost(scored, searched.chosen))
    assert measured["decision_threshold"] == searched.chosen


def test_the_constant_is_what_was_cheaper_before(searched: Searched) -> None:
    known = searched.rows[searched.rows.landed_at < "2013-02-04"].late.mean()
    always = COSTS.miss * known > COSTS.false_alarm * (1 - known)
    measured = searched.registry.run_metrics(searched.registry.get(1))
    expected = mean_cost(searched.scored(), 0.0 if always else 1.1)
    assert measured["mean_cost_of_constant"] == pytest.approx(expected)


def test_each_day_is_by_the_class_that_was_predicted(searched: Searched) -> None:
    profile, scored = searched.table("inference_profile_metrics"), searched.scored()
    days = profile[(profile.column_name == ":table") & profile.slice_key.isna()].set_index("day")
    for day, rows in scored.groupby("day"):
        assert days.loc[day, "mean_cost"] == pytest.approx(mean_cost(rows, searched.chosen))
        accuracy = metrics.accuracy_score(rows.late, rows.prediction >= searched.chosen)
        assert days.loc[day, "accuracy_score"] == pytest.approx(accuracy)


def test_the_gate_compares_costs_each_version_by_its_own_threshold(searched: Searched) -> None:
    verdicts = {found.check_name: found for found in searched.again.get_asset_check_evaluations()}
    found, scored = verdicts["candidate_beats_champion"], searched.scored()
    assert (found.description or "").startswith("mean_cost is")
    theirs = float(str(found.metadata["bound"].value))
    assert theirs == pytest.approx(mean_cost(scored, OTHER), rel=1e-3)
    ours = searched.registry.run_metrics(searched.registry.get(2))["mean_cost"]
    assert found.metadata["value"].value == pytest.approx(ours, rel=1e-3)
    assert theirs != pytest.approx(ours, rel=1e-2)
