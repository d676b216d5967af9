"""MLflow: the runs that trained, the versions that they registered, and the aliases that versions hold.

The same class serves SQLite with a folder, an MLflow server, and Databricks with models in Unity Catalog: only the
URIs differ. A version is always named by its number; nothing here asks for "the latest".
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

BASELINE_FILE = "baseline.json"


class ModelNotFoundError(LookupError):
    """An alias or a version that the registry does not have."""


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its number never comes to mean another model."""

    name: str
    version: int
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class TrainingRecord:
    """What one training leaves in MLflow beside the model.

    `figures` are PNGs. `baseline` holds rows that the model was trained on, with its predictions: drift is measured
    against them.
    """

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    figures: Mapping[str, bytes]
    baseline: pd.DataFrame


@dataclass(frozen=True)
class ModelRegistry:
    """The registered model of one target, and the experiment of its training runs."""

    model: str
    experiment: str
    tracking_uri: str
    registry_uri: str
    ui: str
    artifacts: Path | None = None

    @cached_property
    def client(self) -> MlflowClient:
        from mlflow import MlflowClient

        return MlflowClient(self.tracking_uri, self.registry_uri)

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str]) -> Iterator[mlflow.ActiveRun]:
        """An active MLflow run of the experiment, which is created when it does not exist.

        A run that ends with an exception is marked as failed.
        """
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        mlflow.set_registry_uri(self.registry_uri)
        with mlflow.start_run(experiment_id=self._experiment_id(), run_name=name, tags=dict(tags)) as run:
            yield run

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None:
            return found.experiment_id
        try:
            location = self.artifacts.as_uri() if self.artifacts else None
            return self.client.create_experiment(self.experiment, artifact_location=location)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another run created it just now
                raise
            return self.client.get_experiment_by_name(self.experiment).experiment_id

    def log(self, record: TrainingRecord) -> None:
        """Write `record` to the active run."""
        import mlflow

        mlflow.log_params(dict(record.parameters))
        mlflow.log_metrics(dict(record.metrics))
        with TemporaryDirectory() as folder:
            for name, image in record.figures.items():
                (Path(folder) / f"{name}.png").write_bytes(image)
            record.baseline.to_json(Path(folder) / BASELINE_FILE, orient="table", index=False)
            mlflow.log_artifacts(folder)

    def description(self, flavor: str, inputs: pd.DataFrame, outputs: np.ndarray) -> dict[str, Any]:
        """Arguments of `FeatureStore.log_model` that say what a model of MLflow's `flavor` takes and gives."""
        from mlflow.models import infer_signature

        module = import_module(f"mlflow.{flavor}")
        return {"flavor": module, "signature": infer_signature(inputs, outputs), "input_example": inputs}

    def baseline(self, version: ModelVersion) -> pd.DataFrame:
        """The training rows, with predictions, that `log` kept for the run of `version`."""
        import mlflow
        import pandas as pd

        mlflow.set_tracking_uri(self.tracking_uri)
        text = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{BASELINE_FILE}")
        return pd.read_json(StringIO(text), orient="table")

    def get(self, version: int) -> ModelVersion:
        """The version with this number.

        Raises:
            ModelNotFoundError: the registry has no such version.
        """
        with self._explained(f"{self.model} has no version {version}: choose one that the registry lists."):
            return self._model_version(self.client.get_model_version(self.model, str(version)))

    def at_alias(self, alias: str) -> ModelVersion:
        """The version that holds `alias`.

        Raises:
            ModelNotFoundError: no version holds it.
        """
        with self._explained(f"No version of {self.model} holds the alias '{alias}' yet."):
            return self._model_version(self.client.get_model_version_by_alias(self.model, alias))

    def find_alias(self, alias: str) -> ModelVersion | None:
        """The version that holds `alias`, or None."""
        try:
            return self.at_alias(alias)
        except ModelNotFoundError:
            return None

    def move_alias(self, alias: str, version: ModelVersion) -> None:
        """Let `version` hold `alias`; does nothing when it already does."""
        holder = self.find_alias(alias)
        if holder is None or holder.version != version.version:
            self.client.set_registered_model_alias(self.model, alias, str(version.version))
            logger.info("%s version %s now holds the alias '%s'", self.model, version.version, alias)

    def tag(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Write tags on a version; a tag that is there gets the new value."""
        for key, value in tags.items():
            self.client.set_model_version_tag(self.model, str(version.version), key, value)

    def run_metrics(self, version: ModelVersion) -> dict[str, float]:
        """The metrics of the run that trained `version`."""
        return dict(self.client.get_run(version.run_id).data.metrics)

    def run_url(self, version: ModelVersion) -> str:
        run = self.client.get_run(version.run_id)
        if self.registry_uri == "databricks-uc":
            return f"{self.ui}/ml/experiments/{run.info.experiment_id}/runs/{version.run_id}"
        return f"{self.ui}/#/experiments/{run.info.experiment_id}/runs/{version.run_id}"

    def version_url(self, version: ModelVersion) -> str:
        if self.registry_uri == "databricks-uc":
            return f"{self.ui}/explore/data/models/{self.model.replace('.', '/')}/version/{version.version}"
        return f"{self.ui}/#/models/{self.model}/versions/{version.version}"

    def _model_version(self, found: Any) -> ModelVersion:
        return ModelVersion(self.model, int(found.version), found.run_id, dict(found.tags))

    @contextmanager
    def _explained(self, message: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            # MLflow on SQL answers INVALID_PARAMETER_VALUE for an unknown alias, Unity Catalog RESOURCE_DOES_NOT_EXIST.
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
                raise ModelNotFoundError(message) from error
            raise
