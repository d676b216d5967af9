"""One target of databricks.yml and resources/*.yml, as a frozen, typed `Target`.

The Dagster code location and the bundle CLI read the same files, so that a catalog or a cron is written once; how a
variable gets its value is in `read_bundle`. Every key is required: nothing here has a default that hides a missing one.
What a target says of a model is in a `ModelTarget`: where there are several models, each has its own.
"""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from mlops_core.config.endpoint import EmptyMappingIsNone, Endpoint
from mlops_core.config.errors import TargetError
from mlops_core.config.target_values import (
    AsText,
    CountOrZero,
    Day,
    EmptyIsNone,
    Identifier,
    IdentifierOrEmpty,
    Owner,
    SecretPath,
    Text,
    TrackingUri,
    Whole,
    fault,
    is_full_name,
)
from mlops_core.config.workflows import (
    BatchInferenceWorkflow,
    FeatureEngineeringWorkflow,
    Frozen,
    ModelWorkflow,
    MonitoringWorkflow,
    Prices,
    Source,
)
from mlops_core.config.workspace_address import WorkspaceAddress

if TYPE_CHECKING:
    from mlops_core.project import Project

FOLDER_NAME = re.compile("[A-Za-z0-9_-]+")
READ_AS_ANOTHER_FOLDER = re.compile(r"%[0-9A-Fa-f]{2}|\\")


class Target(Frozen):
    """Everything that differs between local, dev, test, staging and prod, whatever the model.

    `first_day` and `last_day` are the first and the last day with a partition, both included; without a `last_day`
    every day up to yesterday has one. `schema_name` is the bundle
    variable `schema`. `environment` is what of the environment the variables were read from: where the target is read
    again, it must be the same. `sources` are those of the events, by the name of their table; `root` is the folder that
    the project's package lies in.
    """

    name: str
    root: Path
    workspace: WorkspaceAddress | None = None
    environment: Mapping[str, str] = {}
    platform: Annotated[Literal["local", "databricks"], AsText]
    catalog: IdentifierOrEmpty
    schema_name: Annotated[Identifier, Field(alias="schema")]
    sources: Mapping[str, Source]
    first_day: Day
    last_day: Annotated[Day | None, EmptyIsNone]
    state_folder: Annotated[Text | None, EmptyIsNone]
    ui_port: Annotated[Whole, Field(ge=1024, le=65_532)]
    step_launcher: Annotated[Literal["none", "unity_catalog", "databricks_pyspark"], AsText]
    compute: Mapping[str, Any]
    prices: Prices
    secrets: Mapping[str, SecretPath]
    schedules: Annotated[Literal["running", "stopped"], AsText]
    start: Annotated[Literal["schedule", "arrival"], AsText]
    owner: Owner
    retention_days: Annotated[Whole, Field(ge=7)]
    staging_volume_name: Identifier
    alert_channel: Annotated[Literal["none", "teams", "email"], AsText]
    decided_by: Annotated[Literal["typed", "signed_in"], AsText]
    feature_engineering_workflow: FeatureEngineeringWorkflow

    @abstractmethod
    def of(self, project: Project) -> ModelTarget:
        """The target of a project of one model, or of that of one of several."""

    @model_validator(mode="after")
    def _complete(self) -> Target:
        needed = {"catalog": self.catalog} | {f"{name}_table": source.table for name, source in self.sources.items()}
        needed = {"state_folder": self.state_folder} if self.platform == "local" else needed
        for key, value in needed.items():
            if not value:
                raise fault(key, f"a target of the platform {self.platform} needs a value")
        for name, source in self.sources.items():
            if self.platform == "databricks" and not is_full_name(str(source.table)):
                raise fault(f"{name}_table", "it should be a table's full name, catalog.schema.table")
        if self.platform == "local" and not FOLDER_NAME.fullmatch(self.schema_name):
            raise fault("schema", "on the local platform it should be letters, digits, dashes and underscores")
        if self.last_day and self.last_day < self.first_day:
            raise fault("last_day", f"it should not be before first_day, {self.first_day}")
        return self

    @property
    def shared(self) -> dict[str, Any]:
        """What it says whatever the model."""
        return {name: getattr(self, name) for name in Target.model_fields}

    @property
    def workspace_host(self) -> str | None:
        return self.workspace.host if self.workspace else None

    @property
    def workspace_address(self) -> WorkspaceAddress:
        if self.workspace is None:
            raise TargetError(f"The target {self.name} has no workspace: everything of it is on this machine.")
        return self.workspace

    @property
    def newest_day(self) -> date:
        """The last day with a partition: `last_day`, else the newest that is over in UTC, as Dagster counts them."""
        return self.last_day or datetime.now(UTC).date() - timedelta(days=1)

    @property
    def state_path(self) -> Path:
        """The folder of the local platform's tables, runs and models; `state_folder` is relative to the project.

        Raises:
            TargetError: the target has none, its name is one that deltalake takes for another, or Python's own folder
                has a percent sign.
        """
        if self.state_folder is None:
            raise TargetError(f"The target {self.name} has no state_folder: its state is in the workspace.")
        if "%" in sys.prefix:
            raise TargetError(
                f"Dagster and MLflow can't be installed in {sys.prefix}: alembic takes the percent sign for a "
                "placeholder. `make setup` puts .venv elsewhere: remove this one, and run Python by make or by the "
                "path that `readlink .venv` shows."
            )
        folder = self.root / self.state_folder
        if found := READ_AS_ANOTHER_FOLDER.search(str(folder.resolve())):
            raise TargetError(
                f"Delta tables can't lie in {folder}: deltalake takes '{found[0]}' in its name for another character. "
                "Rename the folder, or set state_folder to one elsewhere."
            )
        return folder

    @property
    def staging_volume(self) -> str:
        """Path of the Unity Catalog volume on which the step launcher stages code and requests."""
        if self.platform == "local":
            raise TargetError(f"The target {self.name} has no staging volume: its steps run in the run's own process.")
        return f"/Volumes/{self.catalog}/{self.schema_name}/{self.staging_volume_name}"


class ModelTarget(Target):
    """A target with what it says of a model; days of predictions begin with `predicted_from`."""

    first_predicted_day: Annotated[Day | None, EmptyIsNone]
    model_name: Identifier
    experiment: Annotated[str, Field(min_length=1), AsText]
    promotion: Annotated[Literal["automatic", "approval", "pipeline"], AsText]
    model_sources: Mapping[str, TrackingUri]
    rescore_days: CountOrZero
    endpoint: Annotated[Endpoint | None, EmptyMappingIsNone]
    model_workflow: ModelWorkflow
    batch_inference_workflow: BatchInferenceWorkflow
    monitoring_workflow: MonitoringWorkflow

    @model_validator(mode="after")
    def _sources_are_models(self) -> ModelTarget:
        for model in self.model_sources:
            if self.platform == "databricks" and not is_full_name(model):
                raise fault("model_sources", f"'{model}' should be a model's full name, catalog.schema.model")
        return self

    @model_validator(mode="after")
    def _live_within_days(self) -> ModelTarget:
        if self.first_predicted_day and self.first_predicted_day < self.first_day:
            raise fault("first_predicted_day", f"it should not be before first_day, {self.first_day}")
        if self.first_predicted_day and self.last_day and self.first_predicted_day > self.last_day:
            raise fault("first_predicted_day", f"it should not be after last_day, {self.last_day}")
        return self

    def of(self, project: Project) -> ModelTarget:  # noqa: ARG002 - there is one model
        return self

    @property
    def predicted_from(self) -> date:
        """The first day with a partition of predictions: days before the first hold-out are those of the training."""
        if self.first_predicted_day or self.last_day is None:
            return self.first_predicted_day or self.first_day
        return max(self.first_day, self.last_day - timedelta(days=self.model_workflow.holdout_days - 1))

    @property
    def registered_model(self) -> str:
        """The model's name in the registry: catalog.schema.model on Databricks, the bare name on local."""
        if self.platform == "local":
            return self.model_name
        return f"{self.catalog}.{self.schema_name}.{self.model_name}"


class SeveralModelsTarget(Target):
    """A target of a project of several models; `models` maps the short name of each to its own."""

    models: Mapping[str, ModelTarget]

    def of(self, project: Project) -> ModelTarget:
        return self.models[project.model.short_name].model_copy(update=self.shared)
