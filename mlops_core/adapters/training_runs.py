"""MLflow tracking: the training runs of versions, with their metrics and the baseline rows for drift."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_core.adapters.model_version import ModelVersion, TrainingRecord
from mlops_core.adapters.registry_errors import (
    DeletedExperimentError,
    DeletedRunError,
    ModelNotFoundError,
    explained,
)
from mlops_core.config import link
from mlops_core.shown_text import as_csv

if TYPE_CHECKING:
    import mlflow
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run, RunInfo

BASELINE_FILE, NOTES_FILE = "baseline.json", "notes.md"


@dataclass(frozen=True)
class TrainingRuns:
    """The runs of one target's experiment that trained versions of its registered model; `named` gives a job's name."""

    model: str
    experiment: str
    tracking_uri: str
    registry_uri: str
    ui: str
    artifacts: Path | None = None
    named: Callable[[str], str] = str

    @cached_property
    def client(self) -> MlflowClient:
        from mlflow import MlflowClient

        return MlflowClient(self.tracking_uri, self.registry_uri)

    @property
    def is_unity_catalog(self) -> bool:
        return self.registry_uri.startswith("databricks-uc")

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str], nested: bool = False) -> Iterator[mlflow.ActiveRun]:
        """An active MLflow run of the experiment, which is created when it does not exist; `nested` in the active one.

        A run that ends with an exception is marked as failed.
        """
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        mlflow.set_registry_uri(self.registry_uri)
        experiment = self.experiment_id()
        with mlflow.start_run(experiment_id=experiment, run_name=name, tags=dict(tags), nested=nested) as run:
            yield run

    def experiment_id(self) -> str:
        """The experiment's, which is created when it does not exist."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None:
            return self._existing(found)
        try:
            location = self.artifacts.as_uri() if self.artifacts else None
            return self.client.create_experiment(self.experiment, artifact_location=location)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another run created it just now
                raise
            if (found := self.client.get_experiment_by_name(self.experiment)) is None:
                raise
            return self._existing(found)

    def _existing(self, experiment: Experiment) -> str:
        if experiment.lifecycle_stage == "deleted":
            raise DeletedExperimentError(
                f"The experiment {self.experiment} of the training runs was deleted: restore it (mlflow experiments "
                f"restore --experiment-id {experiment.experiment_id}), or name another one as `experiment` in "
                "databricks.yml; no alias was moved."
            )
        return experiment.experiment_id

    def log(self, record: TrainingRecord) -> None:
        """Write `record` to the active run."""
        import mlflow

        mlflow.log_params(dict(record.parameters))
        mlflow.log_metrics(dict(record.metrics))
        with TemporaryDirectory() as folder:
            for name, image in record.figures.items():
                (Path(folder) / f"{name}.png").write_bytes(image)
            for name, table in record.tables.items():
                (Path(folder) / f"{name}.csv").write_text(as_csv(table), encoding="utf-8")
            if record.notes:
                notes = "\n\n".join(f"{subject}: {note}" for subject, note in record.notes.items())
                (Path(folder) / NOTES_FILE).write_text(notes)
            record.baseline.to_json(Path(folder) / BASELINE_FILE, orient="table", index=False)
            mlflow.log_artifacts(folder)

    def baseline(self, version: ModelVersion) -> pd.DataFrame:
        """The training rows, with predictions, that `log` kept for the run of `version`.

        Raises:
            ModelNotFoundError: they were deleted, or the run was.
        """
        import mlflow
        import pandas as pd

        mlflow.set_tracking_uri(self.tracking_uri)
        with explained(f"{BASELINE_FILE}, the training rows of {self.model} version {version.version}, was deleted."):
            text = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{BASELINE_FILE}")
        return pd.read_json(StringIO(text), orient="table")

    def run_metrics(self, version: ModelVersion) -> dict[str, float]:
        """The metrics of the run that trained `version`.

        Raises:
            DeletedRunError: the metrics of the version are gone with its run.
        """
        return dict(self._training_run(version).data.metrics)

    def log_metrics(self, version: ModelVersion, metrics: Mapping[str, float]) -> None:
        """Write metrics to the run of `version`; one that is there gets the new value."""
        for name, value in metrics.items():
            self.client.log_metric(version.run_id, name, value)

    def run_url(self, version: ModelVersion) -> str:
        return self.run_page(self._training_run(version).info)

    def _training_run(self, version: ModelVersion) -> Run:
        gone = (
            f"The run {version.run_id} that trained version {version.version} of {self.model} was deleted: restore it "
            f"(mlflow runs restore --run-id {version.run_id}), or promote another version; no alias was moved."
        )
        try:
            with explained(gone):
                run = self.client.get_run(version.run_id)
        except ModelNotFoundError as error:
            raise DeletedRunError(gone) from error
        if run.info.lifecycle_stage == "deleted":
            raise DeletedRunError(gone)
        return run

    def run_page(self, run: RunInfo) -> str:
        """The run's page in MLflow."""
        page = "ml/experiments" if self.is_unity_catalog else "#/experiments"
        return link(self.ui, f"{page}/{run.experiment_id}/runs/{run.run_id}")
