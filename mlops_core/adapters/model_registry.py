"""MLflow: the versions of a registered model, and the aliases that they hold.

The same class serves SQLite with a folder, an MLflow server, and Databricks with models in Unity Catalog: only the
URIs differ. A version is always named by its number; nothing here asks for "the latest".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from os import environ
from typing import Any
from urllib.parse import quote

from mlops_core.adapters.databricks_client import profile_alone
from mlops_core.adapters.model_version import ModelVersion, TrainingRecord
from mlops_core.adapters.registry_errors import DanglingAliasError, ModelNotFoundError, explained
from mlops_core.adapters.training_runs import TrainingRuns
from mlops_core.config import link
from mlops_core.deployment.promotion import Holder
from mlops_core.version_record import VersionRecord, output_tag

logger = logging.getLogger(__name__)

ORIGIN = "origin_"
"""How metrics begin that a copy had where it comes from."""
REMEDIES = {
    "candidate": "launch {training}, which gives it to a new version",
    "challenger": "launch {training}, which gives it to the next version that passes",
    "champion": "launch {rollback} with a version that still exists",
}
"""Alias -> the remedy when its version was deleted."""


@dataclass(frozen=True)
class ModelRegistry(TrainingRuns):
    """The registered model of one target, and the experiment of its training runs."""

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
                f"{self._remedy(alias)}; no alias was moved.",
                int(held),
            ) from error

    def versions(self, **tags: str) -> Iterator[ModelVersion]:
        """The versions that have `tags`, newest first. Unity Catalog can't search by tag: there, all are read."""
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
        """The version that the first of `dagster_runs` to produce one gave this alias; None when none of them did.

        A run carries its version's number: the alias moves as soon as another run gets this far.
        """
        made = (next(self.versions(**{output_tag(alias): run}), None) for run in dagster_runs)
        return next((version for version in made if version), None)

    def output_of(self, dagster_run: str, alias: str) -> ModelVersion:
        """The version to which `dagster_run` gave this alias.

        Raises:
            ModelNotFoundError: it was deleted, or a later run made the same version anew and goes on with it.
        """
        found = self.find_output(alias, [dagster_run])
        if found is None:
            training = self.named("model_training_job")
            raise ModelNotFoundError(
                f"The version of {self.model} that the Dagster run {dagster_run} made '{alias}' was deleted, or a "
                f"later run has taken it over: follow that run, or launch {training} again; no alias was moved."
            )
        return found

    def _remedy(self, alias: str) -> str:
        remedy = REMEDIES.get(alias, "give it to a version that exists, in MLflow")
        return remedy.format(training=self.named("model_training_job"), rollback=self.named("rollback_job"))

    def _aliases(self) -> Mapping[str, str]:
        try:
            with explained(f"{self.model} is not registered yet."):
                return self.client.get_registered_model(self.model).aliases
        except ModelNotFoundError:
            return {}

    def find_alias(self, alias: str) -> ModelVersion | None:
        """The version that holds `alias`, or None.

        Raises:
            DanglingAliasError: the version that held it was deleted.
        """
        try:
            return self.at_alias(alias)
        except ModelNotFoundError:
            return None

    def holder(self, alias: str) -> Holder | None:
        """The number of the version that holds `alias`, even a deleted one; None when there is none."""
        try:
            found = self.find_alias(alias)
        except DanglingAliasError as error:
            return Holder(error.version, deleted=True)
        return Holder(found.version) if found else None

    @contextmanager
    def moving_alone(self) -> Iterator[None]:
        """A lock against other processes of this machine that move an alias; a server offers none."""
        if self.artifacts is None:
            yield
            return
        from filelock import FileLock

        self.artifacts.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.artifacts.with_name("aliases.lock"), is_singleton=True):
            yield

    def move_alias(self, alias: str, version: ModelVersion, last_look: Callable[[], object] = lambda: None) -> None:
        """Move `alias` to `version`, even from a deleted version; does nothing when it is there already.

        `last_look` is called immediately before the move; when it raises, the alias stays where it is.
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
        """The same registry for another model, whose runs may be in another workspace."""
        return replace(self, model=model, tracking_uri=tracking_uri or self.tracking_uri)

    def copy(
        self, source: ModelVersion, origin: ModelRegistry, inherited: Mapping[str, str], tags: Mapping[str, str]
    ) -> ModelVersion:
        """A new version of this model with the files of `source`, the tags `inherited` and, after them, `tags`.

        The metrics of its run in `origin` come along as `origin_<name>`, and so does its baseline, in a run of this
        experiment. A version that has `tags` is complete, for they are written last, and is given instead of a second
        copy.
        """
        if (known := next(self.versions(**tags), None)) is not None:
            return known
        elsewhere = origin.tracking_uri if origin.tracking_uri != self.tracking_uri else ""
        with profile_alone(elsewhere, environ):
            metrics = {f"{ORIGIN}{name}": value for name, value in origin.run_metrics(source).items()}
            record = TrainingRecord({}, metrics, {}, origin.baseline(source))
        with self.run(f"copy of {source.name} version {source.version}", tags) as run:
            self.log(record)
        made = self._model_version(self.client.copy_model_version(source.uri, self.model))
        for key in made.tags.keys() - inherited.keys() - tags.keys():  # MLflow copies the tags, a verdict among them
            self.client.delete_model_version_tag(self.model, str(made.version), key)
        before = {key: value for key, value in inherited.items() if key not in tags}
        self.tag(made, before | VersionRecord(tracked_in_run=run.info.run_id).to_tags())
        self.tag(made, tags)
        return self.get(made.version)

    def tag(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Write tags on a version; a tag that is there gets the new value."""
        for key, value in tags.items():
            self.client.set_model_version_tag(self.model, str(version.version), key, value)

    def write(self, version: ModelVersion, record: VersionRecord) -> None:
        """Write what the record states on a version, each of its tags at a time and in its order."""
        self.tag(version, record.to_tags())

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

    def version_url(self, version: ModelVersion) -> str:
        if self.is_unity_catalog:
            return link(self.ui, f"explore/data/models/{quote(self.model).replace('.', '/')}/version/{version.version}")
        return link(self.ui, f"#/models/{quote(self.model)}/versions/{version.version}")

    def _model_version(self, found: Any) -> ModelVersion:
        tags = dict(found.tags)
        return ModelVersion(
            self.model, int(found.version), VersionRecord.from_tags(tags).tracked_in_run or found.run_id, tags
        )
