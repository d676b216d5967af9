"""One target of databricks.yml and resources/*.yml, as a frozen, typed `Target`.

The Dagster code location and the bundle CLI read the same files, so that a catalog or a cron is written once; how a
variable gets its value is in `bundle.py`. Every key is required: nothing here has a default that hides a missing one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from datetime import date, datetime
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from my_mlops_stacks.bundle import TargetError, Value, listed, read_variables

PACKAGE = Path(__file__).resolve().parent
NAME = "[A-Za-z0-9_]+"
NAME_OR_NUMBER = r"(\*|\d+|[A-Za-z]{3})"
CRON_FIELD = re.compile(rf"{NAME_OR_NUMBER}([-,/]{NAME_OR_NUMBER})*")
CRON_FIELDS = 5
READ_AS_ANOTHER_FOLDER = re.compile(r"%[0-9A-Fa-f]{2}|\\")
FEBRUARY, NOT_IN_FEBRUARY = 2, {30, 31}


def _fault(key: str, sentence: str) -> PydanticCustomError:
    """An error of a validator; `key` is the model's key that the sentence speaks of, empty for the validated one."""
    return PydanticCustomError("fault", "{sentence}", {"key": key, "sentence": sentence})  # type: ignore[arg-type]


def _identifier(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise _fault("", "it should be letters, digits and underscores, because SQL uses it without quotes")
    return name


def _identifier_or_empty(name: str) -> str:
    return name and _identifier(name)


def _full_name(name: str) -> str:
    if not re.fullmatch(rf"{NAME}\.{NAME}\.{NAME}", name):
        raise _fault("", "it should be a table's full name, catalog.schema.table")
    return name


def _cron(schedule: str) -> str:
    """Accept what both cronsim and Dagster read; the pattern leaves out the extensions (L, #) on which they differ."""
    fields = schedule.split()
    try:
        if len(fields) != CRON_FIELDS or not all(CRON_FIELD.fullmatch(field) for field in fields):
            raise CronSimError("not five plain fields")
        parsed = CronSim(schedule, datetime(2016, 1, 1))
        if parsed.months == {FEBRUARY} and parsed.days <= NOT_IN_FEBRUARY:  # also beside a weekday: Dagster refuses it
            raise CronSimError("a day that February does not have")
    except CronSimError as error:
        raise _fault("", "it should be five cron fields such as '0 7 * * *' (daily at 07:00 UTC)") from error
    return schedule


def _secret_path(path: str) -> str:
    if not re.fullmatch(r"[\w.@-]+/[\w.@-]+", path):
        raise _fault("", "it should be a secret's place, scope/key")
    return path


def _owner(owner: str) -> str:
    if not re.fullmatch(r"team:\S+|[\w.+-]+@[\w-]+\.[\w.-]+", owner):
        raise _fault("", "it should be an email address or 'team:' and a team's name")
    return owner


def _day(day: object) -> object:
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise _fault("", "it should be a day as YYYY-MM-DD") from error


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value  # BUNDLE_VAR_* are texts


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Identifier = Annotated[str, AfterValidator(_identifier)]
Cron = Annotated[str, AfterValidator(_cron)]
Day = Annotated[date, BeforeValidator(_day)]
Count = Annotated[int, Field(gt=0)]
Price = Annotated[float, Field(ge=0)]
SecretPath = Annotated[str, AfterValidator(_secret_path)]
EmptyIsNone = BeforeValidator(_empty_is_none)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)


class Workflow(_Frozen):
    """What every workflow states: when it runs, as five cron fields in UTC."""

    cron_schedule: Cron


class FeatureEngineeringWorkflow(Workflow):
    """Parameters of `feature_engineering_job`: how many days before its own a run takes the trips of again."""

    late_trip_days: Annotated[int, Field(ge=0)]


class ModelWorkflow(Workflow):
    """Parameters of `model_training_job`: validation's mode, the held-out days, LightGBM's size."""

    run_mode: Literal["enabled", "dry_run", "disabled"]
    enable_baseline_comparison: bool
    holdout_days: Count
    num_boost_round: Count
    num_leaves: Annotated[int, Field(gt=1)]
    learning_rate: Annotated[float, Field(gt=0)]


class BatchInferenceWorkflow(Workflow):
    """Parameters of `batch_inference_job`."""


class MonitoringWorkflow(Workflow):
    """Parameters of `monitoring_job` and the retraining; the threshold is in the metric's unit, a window is a day."""

    metric_to_monitor: Identifier
    metric_violation_threshold: float
    num_evaluation_windows: Count
    num_violation_windows: Count
    minimum_coverage: Annotated[float, Field(gt=0, le=1)]
    minimum_count: Count
    label_delay_days: Annotated[int, Field(ge=0)]
    cooldown_days: Annotated[int, Field(ge=0)]
    max_retrainings: Count
    retraining_days: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _enough_windows(self) -> MonitoringWorkflow:
        if self.num_violation_windows > self.num_evaluation_windows:
            most = f"it should be at most num_evaluation_windows, {self.num_evaluation_windows}"
            raise _fault("num_violation_windows", most)
        return self


class Prices(_Frozen):
    """List prices of a target's compute, by node type; the estimate needs those of all nodes of a cluster."""

    dbu_per_hour: Mapping[str, Price] = {}
    machine_price_per_hour: Mapping[str, Price] = {}
    price_per_dbu: Price = 0.0
    serverless_price_per_dbu: Price = 0.0
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"


class Target(_Frozen):
    """Everything that differs between local, dev, test, staging and prod.

    `first_day` and `last_day` are the first and the last day with a partition, both included; without a `last_day`
    every day up to yesterday has one. `schema_name` is the bundle variable `schema`.
    """

    name: str
    workspace_host: Annotated[str | None, EmptyIsNone] = None
    platform: Literal["local", "databricks"]
    catalog: Annotated[str, AfterValidator(_identifier_or_empty)]
    schema_name: Annotated[Identifier, Field(alias="schema")]
    trips_table: Annotated[Annotated[str, AfterValidator(_full_name)] | None, EmptyIsNone]
    first_day: Day
    last_day: Annotated[Day | None, EmptyIsNone]
    state_folder: Annotated[str | None, EmptyIsNone]
    step_launcher: Literal["none", "unity_catalog", "databricks_pyspark"]
    compute: Mapping[str, Any]
    prices: Prices
    secrets: Mapping[str, SecretPath]
    schedules: Literal["running", "stopped"]
    owner: Annotated[str, AfterValidator(_owner)]
    model_name: Identifier
    experiment: Annotated[str, Field(min_length=1)]
    retention_days: Annotated[int, BeforeValidator(_number), Field(ge=7)]
    promotion: Literal["automatic", "approval"]
    rescore_days: Annotated[int, BeforeValidator(_number), Field(ge=0)]
    staging_volume_name: Identifier
    alert_channel: Literal["none", "teams", "email"]
    feature_engineering_workflow: FeatureEngineeringWorkflow
    model_workflow: ModelWorkflow
    batch_inference_workflow: BatchInferenceWorkflow
    monitoring_workflow: MonitoringWorkflow

    @model_validator(mode="after")
    def _complete(self) -> Target:
        needed = {"databricks": ("catalog", "trips_table", "workspace_host"), "local": ("state_folder",)}
        for key in needed[self.platform]:
            if not getattr(self, key):
                raise _fault(key, f"a target of the platform {self.platform} needs a value")
        if self.last_day and self.last_day < self.first_day:
            raise _fault("last_day", f"it should not be before first_day, {self.first_day}")
        return self

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
        folder = PACKAGE.parent / self.state_folder
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


NOT_VARIABLES = ("name", "workspace_host")
VARIABLES = [field.alias or key for key, field in Target.model_fields.items() if key not in NOT_VARIABLES]


def load_target(name: str | None = None, *, environ: Mapping[str, str] = os.environ, folder: Path = PACKAGE) -> Target:
    """Read the target `name` (else the one of MLOPS_TARGET, else local) from the bundle in `folder`.

    Raises:
        TargetError: the files and the environment don't describe such a target.
    """
    name = environ.get("MLOPS_TARGET", "local") if name is None else name
    values = read_variables(folder, name, VARIABLES, environ)
    try:
        return Target.model_validate({"name": name} | {key: value.raw for key, value in values.items()})
    except ValidationError as error:
        raise TargetError(_sentence(error, values)) from None


def _sentence(error: ValidationError, values: Mapping[str, Value]) -> str:
    """The first error, with the place of the value that it is about; a misspelt key rather than the one it left out."""
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    context = first.get("ctx", {})
    path = [str(key) for key in (*first["loc"], context.get("key")) if key]
    where = ".".join((values[path[0]].where, *path[1:]))
    if first["type"] in ("missing", "extra_forbidden"):
        fault = "is missing" if first["type"] == "missing" else "is an unknown key"
        mapping = cast(type[BaseModel], Target.model_fields[path[0]].annotation)
        return f"{where} {fault}: the mapping states exactly the keys {listed(mapping.model_fields)}."
    given = reduce(lambda value, key: value[key], path[1:], values[path[0]].raw)
    fault = "is empty" if given in (None, "") else f"is {given!r}" if isinstance(given, str) else f"is {given}"
    expected = context.get("sentence") or re.sub(r"^\w+ should", "it should", first["msg"])
    return f"{where} {fault}, but {expected}."
