"""MLflow: the runs that trained, the versions that they registered, and the aliases that versions hold.

The same class serves SQLite with a folder, an MLflow server, and Databricks with models in Unity Catalog: only the
URIs differ. A version is always named by its number; nothing here asks for "the latest".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_core.adapters.registry_errors import (
    DanglingAliasError,
    DeletedExperimentError,
    DeletedRunError,
    ModelNotFoundError,
    explained,
)
from mlops_core.config import link
from mlops_core.deployment.promotion import Holder

if TYPE_CHECKING:
    import mlflow
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run, RunInfo

logger = logging.getLogger(__name__)

REMEDIES = {
    "candidate": "launch model_training_job, which gives it to a new version",
    "challenger": "launch model_training_job, which gives it to the next version that passes",
    "champion": "launch rollback_job with a version that still exists",
}
"""Alias -> what puts it right when its version was deleted."""

BASELINE_FILE = "baseline.json"
RUN_TAG = "tracked_in_run"
"""On a copied version: the run of this experiment that has what the original's run had."""


def output_tag(alias: str) -> str:
    """The tag of a version that names the Dagster run whose asset of this alias it is."""
    return f"{alias}_in_dagster_run"


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
        experiment = self._experiment_id()
        with mlflow.start_run(experiment_id=experiment, run_name=name, tags=dict(tags), nested=nested) as run:
            yield run

    def _experiment_id(self) -> str:
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

    def get(self, version: int) -> ModelVersion:
        """The version with this number.

        Raises:
            ModelNotFoundError: the registry has no such version.
        """
        with explained(f"{self.model} has no version {version}: choose one that the registry lists."):
            return self._model_version(self.client.get_model_version(self.model, str(version)))

    def at_alias(self, alias: str) -> ModelVersion:
        """The version that holds `alias`.

        Raises:
            ModelNotFoundError: no version holds it.
            DanglingAliasError: the version that held it was deleted.
        """
        try:
            with explained(f"No version of {self.model} holds the alias '{alias}' yet."):
                return self._model_version(self.client.get_model_version_by_alias(self.model, alias))
        except ModelNotFoundError:
            held = self._aliases().get(alias)
            if held is None:
                raise
        try:
            return self.get(int(held))  # another run has given the alias just now
        except ModelNotFoundError as error:
            raise DanglingAliasError(
                f"The alias '{alias}' of {self.model} is that of version {held}, which was deleted: "
                f"{REMEDIES.get(alias, 'give it to a version that exists, in MLflow')}; no alias was moved.",
                int(held),
            ) from error

    def versions(self, **tags: str) -> Iterator[ModelVersion]:
        """The versions that have `tags`, the newest first. Unity Catalog searches no tags: there each is looked at."""
        searched = tags if not self.is_unity_catalog else {}
        clauses = [f"name = '{self.model}'", *(f"tags.`{name}` = '{value}'" for name, value in searched.items())]
        numbers, token = [], None
        while token != "":
            page = self.client.search_model_versions(" AND ".join(clauses), page_token=token)
            numbers += [int(found.version) for found in page]
            token = page.token or ""
        for number in sorted(numbers, reverse=True):
            with suppress(ModelNotFoundError):  # deleted just now
                version = self.get(number)  # a search in Unity Catalog leaves the tags out
                if tags.items() <= version.tags.items():
                    yield version

    def find_output(self, alias: str, dagster_runs: Sequence[str]) -> ModelVersion | None:
        """The version that the first of `dagster_runs` made which made one of this alias; None when none of them did.

        Its number is what a run carries: the alias is another version's as soon as another run has come as far.
        """
        made = (next(self.versions(**{output_tag(alias): run}), None) for run in dagster_runs)
        return next((version for version in made if version), None)

    def output_of(self, dagster_run: str, alias: str) -> ModelVersion:
        """The version that `dagster_run` made of this alias.

        Raises:
            ModelNotFoundError: it was deleted, or a later run made the same version anew and goes on with it.
        """
        found = self.find_output(alias, [dagster_run])
        if found is None:
            raise ModelNotFoundError(
                f"The version of {self.model} that the Dagster run {dagster_run} made '{alias}' was deleted, or a "
                "later run has taken it over: follow that run, or launch model_training_job again; no alias was moved."
            )
        return found

    def _aliases(self) -> Mapping[str, str]:
        try:
            with explained(f"{self.model} is not registered yet."):
                return self.client.get_registered_model(self.model).aliases
        except ModelNotFoundError:
            return {}

    def find_alias(self, alias: str) -> ModelVersion | None:
        """The version that holds `alias`, or None when nobody does.

        Raises:
            DanglingAliasError: the version that held it was deleted.
        """
        try:
            return self.at_alias(alias)
        except ModelNotFoundError:
            return None

    def holder(self, alias: str) -> Holder | None:
        """Who holds `alias`, a deleted version too; None when nobody does."""
        try:
            found = self.find_alias(alias)
        except DanglingAliasError as error:
            return Holder(error.version, deleted=True)
        return Holder(found.version) if found else None

    @contextmanager
    def moving_alone(self) -> Iterator[None]:
        """Within, no other process of this machine moves an alias; a server has nothing that would lock it."""
        if self.artifacts is None:
            yield
            return
        from filelock import FileLock

        self.artifacts.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.artifacts.with_name("aliases.lock"), is_singleton=True):
            yield

    def move_alias(self, alias: str, version: ModelVersion, last_look: Callable[[], object] = lambda: None) -> None:
        """Let `version` hold `alias`, also when the one that held it was deleted; does nothing when it already does.

        Whatever `last_look` raises, as the last thing before the move, keeps the alias where it is.
        """
        if self.holder(alias) != Holder(version.version):
            last_look()
            self._set_alias(alias, str(version.version))
            logger.info("%s version %s now holds the alias '%s'", self.model, version.version, alias)

    def _set_alias(self, alias: str, version: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_registered_model_alias(self.model, alias, version)
        except MlflowException as error:
            if error.error_code != "BAD_REQUEST":  # MLflow on SQL, when another process wrote the alias's row just now
                raise
            self.client.set_registered_model_alias(self.model, alias, version)

    def of(self, model: str, tracking_uri: str | None = None) -> ModelRegistry:
        """The same registry, for another model, whose runs may be in another workspace."""
        return replace(self, model=model, tracking_uri=tracking_uri or self.tracking_uri)

    def copy(
        self, source: ModelVersion, origin: ModelRegistry, inherited: Mapping[str, str], tags: Mapping[str, str]
    ) -> ModelVersion:
        """A new version of this model with the files of `source`, the tags `inherited` and, after them, `tags`.

        The metrics and the baseline of its run in `origin` come along, in a run of this experiment. A version that has
        `tags` is complete, for they are written last, and is given instead of a second copy.
        """
        if (known := next(self.versions(**tags), None)) is not None:
            return known
        record = TrainingRecord({}, origin.run_metrics(source), {}, origin.baseline(source))
        with self.run(f"copy of {source.name} version {source.version}", tags) as run:
            self.log(record)
        made = self._model_version(self.client.copy_model_version(source.uri, self.model))
        before = {key: value for key, value in inherited.items() if key not in tags}
        self.tag(made, {**before, RUN_TAG: run.info.run_id})
        self.tag(made, tags)
        return self.get(made.version)

    def tag(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Write tags on a version; a tag that is there gets the new value."""
        for key, value in tags.items():
            self.client.set_model_version_tag(self.model, str(version.version), key, value)

    def describe(self, version: ModelVersion, model: str, text: str) -> None:
        """Write descriptions, in Markdown: of the model, and of a version of it.

        Who may register versions may not always describe: what is said of a model stops no training.
        """
        from mlflow.exceptions import MlflowException

        try:
            self.client.update_registered_model(self.model, model)
            self.client.update_model_version(self.model, str(version.version), text)
        except MlflowException as error:
            logger.warning("%s version %s is not described: %s", self.model, version.version, error)

    def run_metrics(self, version: ModelVersion) -> dict[str, float]:
        """The metrics of the run that trained `version`.

        Raises:
            DeletedRunError: nobody can see any more what the version had measured.
        """
        return dict(self._training_run(version).data.metrics)

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
        """Where people see the run."""
        page = "ml/experiments" if self.is_unity_catalog else "#/experiments"
        return link(self.ui, f"{page}/{run.experiment_id}/runs/{run.run_id}")

    def version_url(self, version: ModelVersion) -> str:
        if self.is_unity_catalog:
            return link(self.ui, f"explore/data/models/{quote(self.model).replace('.', '/')}/version/{version.version}")
        return link(self.ui, f"#/models/{quote(self.model)}/versions/{version.version}")

    def _model_version(self, found: Any) -> ModelVersion:
        tags = dict(found.tags)
        return ModelVersion(self.model, int(found.version), tags.get(RUN_TAG, found.run_id), tags)
