"""A search in MLflow: what people see of it there, and that Optuna itself reads its study afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import optuna
import pytest
from mlflow.entities import Run
from optuna.storages.journal import JournalFileBackend

from mlops_core.adapters.search_runs import STUDY_FILE, SearchRun, search_run
from mlops_core.adapters.training_runs import TrainingRuns
from mlops_core.training import search
from mlops_core_tests.training.lines import BROKEN, Line, objective

METRIC = "root_mean_squared_error"
TRIALS = 12


class DiedError(RuntimeError):
    """What a machine that is switched off would raise if it could."""


class Searches:
    """Searches of one line in an MLflow of their own."""

    def __init__(self, folder: Path) -> None:
        database = f"sqlite:///{folder / 'mlflow.db'}"
        self.runs = TrainingRuns("line", "lines", database, database, "http://localhost", folder / "artifacts")

    def search(self, key: str, trials: int = TRIALS, dies_at: int | None = None) -> Line:
        with search_run(self.runs, key, {"folds": 3}, {}, metric=METRIC, maximize=False) as kept:

            def save() -> None:
                if len(kept.study.trials) == dies_at:
                    raise DiedError
                kept.save()

            stated = replace(BROKEN, trials=trials)
            log = logging.getLogger("search")
            best = search.run(kept.study, stated, objective(), Line(), after_trial=save, log=log)
            assert isinstance(best, Line)
            return best

    def kept(self, key: str) -> Run:
        (found,) = self.runs.client.search_runs([self.runs.experiment_id()], f"tags.search_key = '{key}'")
        return found

    def trials(self, key: str) -> dict[int, Run]:
        parent = self.kept(key).info.run_id
        found = self.runs.client.search_runs([self.runs.experiment_id()], f"tags.mlflow.parentRunId = '{parent}'")
        by_number = {int(run.data.tags["trial"]): run for run in found}
        assert len(by_number) == len(found)
        return by_number

    def study(self, key: str, folder: Path) -> optuna.Study:
        """As anybody reads it, without any code of this package."""
        run = self.kept(key).info.run_id
        file = mlflow.artifacts.download_artifacts(run_id=run, artifact_path=STUDY_FILE, dst_path=str(folder))
        return optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(JournalFileBackend(file)))


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searches]:
    made = Searches(tmp_path_factory.mktemp("searches"))
    made.search("whole")
    yield made


def outcomes(study: optuna.Study) -> list[tuple[object, ...]]:
    return [(trial.state, trial.params, trial.value) for trial in study.trials]


def test_optuna_reads_the_study_and_mlflow_has_a_run_of_each_trial(searches: Searches, tmp_path: Path) -> None:
    study, runs = searches.study("whole", tmp_path), searches.trials("whole")
    assert len(study.trials) == TRIALS and sorted(runs) == list(range(TRIALS))
    status = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
    for trial in study.trials:
        run = runs[trial.number]
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        assert run.info.status == status[trial.state.name]
        if trial.value is not None:
            assert run.data.metrics[METRIC] == pytest.approx(trial.value)
    assert {run.info.status for run in runs.values()} >= {"FINISHED", "FAILED"}


def test_a_trial_has_the_value_of_each_fold_and_a_failed_one_its_reason(searches: Searches, tmp_path: Path) -> None:
    best, runs = searches.study("whole", tmp_path).best_trial, searches.trials("whole")
    history = searches.runs.client.get_metric_history(runs[best.number].info.run_id, f"{METRIC}_of_fold")
    assert {each.step: each.value for each in history} == pytest.approx(dict(enumerate(best.user_attrs["values"])))
    reasons = [run.data.tags["reason"] for run in runs.values() if run.info.status == "FAILED"]
    assert reasons and all("RuntimeError('no memory')" in reason for reason in reasons)


def test_a_run_that_died_goes_on_and_ends_as_if_it_had_not(searches: Searches, tmp_path: Path) -> None:
    with pytest.raises(DiedError):
        searches.search("died", dies_at=5)
    assert searches.kept("died").info.status == "FAILED"
    assert len(searches.trials("died")) == 4  # the fifth had ended, and nobody had been told
    assert searches.search("died") == searches.search("whole")
    assert outcomes(searches.study("died", tmp_path)) == outcomes(searches.study("whole", tmp_path))
    assert len(searches.trials("died")) == len(searches.trials("whole")) == TRIALS
    assert searches.kept("died").info.status == "FINISHED"


def test_a_trial_that_only_the_study_has_gets_its_run(searches: Searches, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SearchRun, "_log", lambda *_: None)  # as if it had died between the two
        searches.search("torn", trials=2)
    assert not searches.trials("torn")
    searches.search("torn", trials=3)
    assert len(searches.trials("torn")) == 3


def test_another_question_is_another_search(searches: Searches) -> None:
    searches.search("other", trials=1)
    assert len(searches.trials("other")) == 1
    assert searches.kept("other").info.run_id != searches.kept("whole").info.run_id
