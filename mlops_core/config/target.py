"""One target of databricks.yml and resources/*.yml, as a frozen, typed `Target`.

The Dagster code location and the bundle CLI read the same files, so that a catalog or a cron is written once; how a
variable gets its value is in `read_bundle`. Every key is required: nothing here has a default that hides a missing one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, Field, ValidationError, model_validator

from mlops_core.config.errors import TargetError, listed
from mlops_core.config.references import Value
from mlops_core.config.settings import read_bundle
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
from mlops_core.config.workspace_address import WorkspaceAddress, WrittenWorkspace

if TYPE_CHECKING:
    from mlops_core.project import Project

FOLDER_NAME = re.compile("[A-Za-z0-9_-]+")
READ_AS_ANOTHER_FOLDER = re.compile(r"%[0-9A-Fa-f]{2}|\\")


class Target(Frozen):
    """Everything that differs between local, dev, test, staging and prod.

    `first_day` and `last_day` are the first and the last day with a partition, both included; without a `last_day`
    every day up to yesterday has one. Those of predictions begin with `predicted_from`. `schema_name` is the bundle
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
    first_predicted_day: Annotated[Day | None, EmptyIsNone]
    state_folder: Annotated[Text | None, EmptyIsNone]
    ui_port: Annotated[Whole, Field(ge=1024, le=65_533)]
    step_launcher: Annotated[Literal["none", "unity_catalog", "databricks_pyspark"], AsText]
    compute: Mapping[str, Any]
    prices: Prices
    secrets: Mapping[str, SecretPath]
    schedules: Annotated[Literal["running", "stopped"], AsText]
    owner: Owner
    model_name: Identifier
    experiment: Annotated[str, Field(min_length=1), AsText]
    retention_days: Annotated[Whole, Field(ge=7)]
    promotion: Annotated[Literal["automatic", "approval"], AsText]
    rescore_days: CountOrZero
    staging_volume_name: Identifier
    alert_channel: Annotated[Literal["none", "teams", "email"], AsText]
    feature_engineering_workflow: FeatureEngineeringWorkflow
    model_workflow: ModelWorkflow
    batch_inference_workflow: BatchInferenceWorkflow
    monitoring_workflow: MonitoringWorkflow

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
        if self.first_predicted_day and self.first_predicted_day < self.first_day:
            raise fault("first_predicted_day", f"it should not be before first_day, {self.first_day}")
        if self.first_predicted_day and self.last_day and self.first_predicted_day > self.last_day:
            raise fault("first_predicted_day", f"it should not be after last_day, {self.last_day}")
        return self

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
    def predicted_from(self) -> date:
        """The first day with a partition of predictions: days before the first hold-out are those of the training."""
        if self.first_predicted_day or self.last_day is None:
            return self.first_predicted_day or self.first_day
        return max(self.first_day, self.last_day - timedelta(days=self.model_workflow.holdout_days - 1))

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
    def registered_model(self) -> str:
        """The model's name in the registry: catalog.schema.model on Databricks, the bare name on local."""
        if self.platform == "local":
            return self.model_name
        return f"{self.catalog}.{self.schema_name}.{self.model_name}"

    @property
    def staging_volume(self) -> str:
        """Path of the Unity Catalog volume on which the step launcher stages code and requests."""
        if self.platform == "local":
            raise TargetError(f"The target {self.name} has no staging volume: its steps run in the run's own process.")
        return f"/Volumes/{self.catalog}/{self.schema_name}/{self.staging_volume_name}"


NOT_VARIABLES = ("name", "root", "workspace", "environment", "sources")


def variables_of(project: Project) -> list[str]:
    """The bundle variables that make a target of the project."""
    own = [field.alias or key for key, field in Target.model_fields.items() if key not in NOT_VARIABLES]
    return [*own, *(variable for each in _source_variables(project).values() for variable in each.values())]


def _source_variables(project: Project) -> dict[str, dict[str, str]]:
    """Event table -> key of its `Source` -> the variable that says it."""
    return {events.name: {key: events.variable(key) for key in Source.model_fields} for events in project.event_tables}


def load_target(
    project: Project, name: str | None = None, *, environ: Mapping[str, str] = os.environ, folder: Path | None = None
) -> Target:
    """Read the target `name` (else the one of MLOPS_TARGET, else local) from the bundle in `folder`, the project's own.

    Raises:
        TargetError: the files and the environment don't describe such a target.
    """
    name = environ.get("MLOPS_TARGET", "local") if name is None else name
    sources = _source_variables(project)
    folder = folder or project.folder
    bundle = read_bundle(folder, name, variables_of(project), environ)
    raw = {key: value.raw for key, value in bundle.variables.items()}
    stated = {name: {key: raw.pop(variable) for key, variable in each.items()} for name, each in sources.items()}
    values = raw | {"name": name, "root": project.root, "environment": bundle.environment}
    try:
        target = Target.model_validate(values | {"sources": stated})
    except ValidationError as error:
        raise TargetError(_sentence(error, bundle.variables)) from None
    try:
        project.model.task.monitor_metric(metric := target.monitoring_workflow.metric_to_monitor)
    except ValueError as error:
        where = bundle.variables["monitoring_workflow"].where
        raise TargetError(f"{where}.metric_to_monitor is '{metric}', but {error}.") from None
    try:
        hyperparameters = project.model.training.hyperparameters
        _ = hyperparameters(**target.model_workflow.hyperparameters)
    except ValidationError as error:
        raise TargetError(_sentence(error, bundle.variables, HYPERPARAMETERS, hyperparameters)) from None
    return target if target.platform == "local" else _with_workspace(target, bundle.workspace, environ)


def _with_workspace(target: Target, written: WrittenWorkspace, environ: Mapping[str, str]) -> Target:
    address = written.address(environ)
    if address is None:
        fix = "write its URL, name a profile, or set DATABRICKS_HOST"
        raise TargetError(
            f"{written.where['host']} is empty, but a target of the platform databricks needs a value: {fix}."
        )
    return target.model_copy(update={"workspace": address})


HYPERPARAMETERS = ("model_workflow", "hyperparameters")


def _sentence(
    error: ValidationError,
    values: Mapping[str, Value],
    place: tuple[str, ...] = (),
    model: type[BaseModel] | None = None,
) -> str:
    """The first error, with the place of the value that it is about; a misspelt key rather than the one it left out.

    `place` is where the `model` that was validated stands, when it is not the target itself.
    """
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    context = first.get("ctx", {})
    path = [str(key) for key in (*place, *first["loc"], context.get("key")) if key]
    if path[0] == "sources":
        path = [f"{path[1]}_{path[2]}", *path[3:]]
    where = ".".join((values[path[0]].where, *path[1:]))
    if first["type"] in ("missing", "extra_forbidden"):
        fault = "is missing" if first["type"] == "missing" else "is an unknown key"
        mapping = model or cast(type[BaseModel], Target.model_fields[path[0]].annotation)
        return f"{where} {fault}: the mapping states exactly the keys {listed(mapping.model_fields)}."
    given = reduce(lambda value, key: value[key], path[1:], values[path[0]].raw)
    fault = "is empty" if given in (None, "") else f"is {given!r}" if type(given) is str else f"is {given}"
    expected = context.get("sentence") or re.sub(r"^\w+ should", "it should", first["msg"])
    return f"{where} {fault}, but {expected}."
