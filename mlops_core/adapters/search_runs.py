"""A search in MLflow: a run that keeps Optuna's study as a file, and below it a run for each trial.

Trials are the same by their number, so what two trainings do at once on the same rows is the same twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.training_runs import TrainingRuns

if TYPE_CHECKING:
    import mlflow
    import optuna
    from mlflow import MlflowClient
    from optuna.trial import FrozenTrial

STUDY_FILE = "study.log"
"""The study as Optuna's JournalStorage has it: `optuna.load_study` reads it."""

KEY, TRIAL, PARENT = "search_key", "trial", "mlflow.parentRunId"
STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
STARTUP_TRIALS = 5
"""So many trials are measured on all folds before one is compared with them."""
LONGEST_TAG = 5_000
MILLISECONDS = 1_000


@dataclass(frozen=True)
class SearchRun:
    """An active MLflow run of a search; `study` is in a file that lies in `folder`, and here."""

    client: MlflowClient
    run: mlflow.ActiveRun
    study: optuna.Study
    folder: Path
    metric: str

    def save(self) -> None:
        """Keep what the study has more than MLflow: first its file, which a search goes on from, then its trials."""
        self.client.log_artifact(self.run.info.run_id, str(self.folder / STUDY_FILE))
        known = {found.data.tags.get(TRIAL) for found in self._trial_runs()}
        for trial in self.study.trials:
            if trial.state.is_finished() and str(trial.number) not in known:
                self._log(trial)

    def log_figures(self, figures: Mapping[str, bytes]) -> None:
        for name, image in figures.items():
            (self.folder / f"{name}.png").write_bytes(image)
            self.client.log_artifact(self.run.info.run_id, str(self.folder / f"{name}.png"))

    def _trial_runs(self) -> list[Any]:
        experiment, parent = self.run.info.experiment_id, self.run.info.run_id
        runs: list[Any] = []
        token = None
        while True:
            found = self.client.search_runs([experiment], f"tags.`{PARENT}` = '{parent}'", page_token=token)
            runs, token = [*runs, *found], found.token
            if not token:
                return runs

    def _log(self, trial: FrozenTrial) -> None:
        from mlflow.entities import Metric, Param

        attributes, now = trial.user_attrs, int(time() * MILLISECONDS)
        began, ended = (
            int(at.timestamp() * MILLISECONDS) if at else now for at in (trial.datetime_start, trial.datetime_complete)
        )
        tags = {PARENT: self.run.info.run_id, TRIAL: str(trial.number)}
        if reason := attributes.get("reason"):
            tags["reason"] = reason[:LONGEST_TAG]
        made = self.client.create_run(self.run.info.experiment_id, began, tags, f"trial {trial.number + 1}")
        values = [
            Metric(f"{self.metric}_of_fold", value, ended, fold)
            for fold, value in enumerate(attributes.get("values", ()))
        ]
        if trial.value is not None:
            values.append(Metric(self.metric, trial.value, ended, 0))
        parameters = [Param(name, str(value)) for name, value in trial.params.items()]
        self.client.log_batch(made.info.run_id, values, parameters)
        self.client.set_terminated(made.info.run_id, STATUS[trial.state.name], ended)


@contextmanager
def search_run(
    runs: TrainingRuns, key: str, parameters: Mapping[str, Any], tags: Mapping[str, str], *, metric: str, maximize: bool
) -> Iterator[SearchRun]:
    """The active run of the search of this key: one that was begun goes on."""
    import mlflow
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with TemporaryDirectory() as place, _run(runs, key, parameters, tags) as run:
        folder = Path(place)
        if any(found.path == STUDY_FILE for found in runs.client.list_artifacts(run.info.run_id)):
            mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=STUDY_FILE, dst_path=place)
        study = optuna.create_study(
            study_name=runs.model,
            storage=optuna.storages.JournalStorage(JournalFileBackend(str(folder / STUDY_FILE))),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )
        yield SearchRun(runs.client, run, study, folder, metric)


@contextmanager
def _run(
    runs: TrainingRuns, key: str, parameters: Mapping[str, Any], tags: Mapping[str, str]
) -> Iterator[mlflow.ActiveRun]:
    import mlflow

    experiment = runs.experiment_id()
    known = runs.client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
    if known:
        mlflow.set_tracking_uri(runs.tracking_uri)
        with mlflow.start_run(run_id=known[0].info.run_id) as run:
            yield run
        return
    with runs.run(f"search for {runs.model}", {KEY: key, **tags}) as run:
        mlflow.log_params(dict(parameters))
        yield run
