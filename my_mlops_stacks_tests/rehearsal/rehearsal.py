"""Runs the four jobs of the target `staging` on an emulated workspace, as the Dagster host of that target would.

Everything of the project is the production path: the definitions of the target, the step launcher and its worker, the
tables of Unity Catalog, the feature store's adapter, MLflow through a server. Emulated are the workspace, its runtime
with Sail for Spark, and the package `databricks.feature_engineering`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from dagster._core.definitions.reconstruct import ReconstructableRepository
from deltalake import write_deltalake

from databricks_emulator import Emulator
from databricks_emulator.mlflow_models import models_of
from databricks_emulator.settings import RUNTIME_PACKAGES
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher
from mlops_core.config import Target, load_target
from mlops_core.defs.partitions import daily_partitions
from mlops_core.defs.refusals import REFUSED_TAG
from mlops_core.defs.resources import build_resources, launcher_settings
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.rehearsal.mlflow_server import mlflow_server

TARGET = "staging"
FIRST_DAY, LAST_DAY, HELD_OUT_DAYS = "2016-02-24", "2016-02-29", 2
TRIPS, SEED = 3_000, 0
CATALOG, SCHEMA = "fares-staging", "fares-1"
"""Names that SQL takes between backticks alone."""
LIBRARY_MODULES = Path(__file__).with_name("runtime")
NOBODY = "http://127.0.0.1:9"
JOBS = ("feature_engineering_job", "model_training_job", "batch_inference_job", "monitoring_job")
SERVING = "endpoint_job"
"""Of a code location whose target asks for an endpoint."""
FOREIGN = ("ARM_", "BUNDLE_VAR_", "DATABRICKS_", "MLFLOW_", "MLOPS_")
QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


@dataclass(frozen=True)
class JobRun:
    """One job that ran: its Dagster run, what it said, and what it took on Databricks."""

    job: str
    run: dg.DagsterRun
    entries: list[dg.EventLogEntry]
    seconds: float
    databricks_runs: list[Any]
    cluster_starts: int
    api_calls: int

    @property
    def success(self) -> bool:
        return self.run.status is dg.DagsterRunStatus.SUCCESS

    @property
    def refused(self) -> str | None:
        """Why the run, which succeeded, refused the version that it trained."""
        return self.run.tags.get(REFUSED_TAG)

    @property
    def steps(self) -> list[str]:
        """The steps that started, in order."""
        return [str(event.step_key) for event in self.events(dg.DagsterEventType.STEP_START)]

    @property
    def remote_steps(self) -> list[str]:
        """The steps that ran on Databricks: the launcher's first event of each has the page of its run there."""
        told = [event for event in self.events(dg.DagsterEventType.ENGINE_EVENT) if event.step_key]
        return [str(event.step_key) for event in told if "databricks_run" in event.engine_event_data.metadata]

    def events(self, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        found = (entry.dagster_event for entry in self.entries)
        return [event for event in found if event and event.event_type is kind]


@dataclass
class Rehearsal:
    """A workspace, an MLflow server, a Dagster instance of the target, and the trips as a folder of parquet files."""

    workspace: Emulator
    instance: dg.DagsterInstance
    target: Target
    mlflow: str
    trips: Path
    runs: list[JobRun] = field(default_factory=list)

    @property
    def registry(self) -> ModelRegistry:
        with dg.build_resources(
            {"model_registry": build_resources(PROJECT, self.target)["model_registry"]}
        ) as resources:
            # MLflow writes its URI into the environment, so a pipeline on the local target has replaced the server's.
            return replace(resources.model_registry, tracking_uri=self.mlflow, registry_uri=self.mlflow)

    def run_pipeline(self) -> None:
        """The runs of `python -m my_mlops_stacks`: all days, a training, and the days that it held out; and then
        the endpoint.

        Stops after the first run that fails, and after a training that refuses its candidate: nobody predicts then.
        """
        days = daily_partitions(self.target).get_partition_keys()
        unseen = days[-HELD_OUT_DAYS:]
        holdout = {"ops": {"fare_model": {"config": {"holdout_days": HELD_OUT_DAYS}}}}
        for job, extent, config in zip(JOBS, (days, [], unseen, unseen), ({}, holdout, {}, {}), strict=True):
            made = self.run(job, extent, config)
            if not made.success or made.refused:
                return
        self.run(SERVING, [], {}, location="my_mlops_stacks_tests.rehearsal.served.definitions")

    def run(
        self,
        job: str,
        days: list[str],
        config: Mapping[str, Any],
        location: str = "my_mlops_stacks.definitions",
        asked: Mapping[str, str] | None = None,
    ) -> JobRun:
        """Run a job for all of `days` at once, and tear down as the sensor after the run does."""
        databricks_runs, starts = len(self.workspace.runs), self.workspace.cluster_starts
        calls, started = self.workspace.calls.count(), perf_counter()
        tags = dict(asked or {})
        if days:
            tags |= {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
        result = dg.execute_job(
            _job(job, location), self.instance, tags=tags, run_config={**QUIET, **config}, raise_on_error=False
        )
        UnityCatalogStepLauncher(launcher_settings(PROJECT, self.target)).tear_down(self.instance, result.dagster_run)
        with suppress(TimeoutError):  # the teardown does not wait for clusters; a run that nobody ends is left over
            self.workspace.wait_until_idle()
        self.runs.append(
            JobRun(
                job=job,
                run=self.instance.get_run_by_id(result.run_id),
                entries=self.instance.all_logs(result.run_id),
                seconds=perf_counter() - started,
                databricks_runs=self.workspace.runs[databricks_runs:],
                cluster_starts=self.workspace.cluster_starts - starts,
                api_calls=self.workspace.calls.count() - calls,
            )
        )
        return self.runs[-1]

    def left_over(self) -> list[str]:
        """What still runs or is still staged; staged code is kept for later runs."""
        volume = self.target.staging_volume
        staged = [path for path in self.workspace.staged() if not path.startswith(f"{volume}/code/")]
        kept = [f"staged: {path}" for path in staged if path != f"{volume}/runs/"]
        runs = [f"Databricks run {run.run_id}" for run in self.workspace.active_runs]
        return [*kept, *runs, *(f"cluster {name}" for name in self.workspace.running_clusters)]


def _job(name: str, module: str) -> Any:
    """The job as a code location gives it to a run worker: by module, so that the cluster can load it too."""
    location = ReconstructableRepository.for_module(module, "defs", working_directory=str(PROJECT.folder.parent))
    return location.get_reconstructable_job(name)


@contextmanager
def opened(folder: Path, *, has_models: bool = True, **emulated: Any) -> Iterator[Rehearsal]:
    """A rehearsal whose files are in the empty `folder`; `emulated` are settings of the emulator.

    Where nothing `has_models`, nobody answers for MLflow.

    The process's environment is that of a Dagster host of the target, until the context ends.
    """
    runtime = {
        "stand_ins": {"databricks-feature-engineering": LIBRARY_MODULES},
        "packages": (*RUNTIME_PACKAGES, "deltalake"),
    }
    with (
        mlflow_server(folder / "mlflow") if has_models else nullcontext(NOBODY) as mlflow,
        Emulator(folder / "workspace", **runtime, **emulated) as workspace,
        _environment({**workspace.environment(), **_overrides(mlflow)}),
        dg.DagsterInstance.local_temp(str(_made(folder / "dagster"))) as instance,
    ):
        target = load_target(PROJECT)
        workspace.serving.load = models_of(mlflow)
        _provision(workspace, target, folder)
        yield Rehearsal(workspace, instance, target, mlflow, folder / "trips")


def _overrides(mlflow: str) -> dict[str, str]:
    return {
        "MLOPS_TARGET": TARGET,
        "MLFLOW_TRACKING_URI": mlflow,
        "MLFLOW_REGISTRY_URI": mlflow,
        "BUNDLE_VAR_catalog": CATALOG,
        "BUNDLE_VAR_schema": SCHEMA,
        "BUNDLE_VAR_first_day": FIRST_DAY,
        "BUNDLE_VAR_last_day": LAST_DAY,
    }


def _provision(workspace: Emulator, target: Target, folder: Path) -> None:
    """What is there before the first run: the source of the trips, and what the bundle deploys."""
    generate_trips(folder / "trips", rows=TRIPS, seed=SEED, first_day=target.first_day, last_day=target.last_day)
    write_deltalake(folder / "trips_table", as_moments(pq.read_table(folder / "trips")))
    workspace.unity_catalog.add_table(str(target.sources["trips"].table), folder / "trips_table")
    workspace.unity_catalog.add_volume(target.staging_volume.removeprefix("/Volumes/").replace("/", "."))


def as_moments(trips: pa.Table) -> pa.Table:
    """With its times as Delta's TIMESTAMP, as the sample has them: moments of UTC."""
    for number, column in enumerate(trips.schema):
        if pa.types.is_timestamp(column.type):
            trips = trips.set_column(number, column.name, trips[column.name].cast(pa.timestamp("us", "UTC")))
    return trips


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """This process's environment with `variables`, without what would lead to a real workspace or another target."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(FOREIGN):
            del os.environ[name]
    os.environ.update(variables)
    forkserver._forkserver._stop()  # one that is there would give its children the environment that it was started in
    try:
        yield
    finally:
        forkserver._forkserver._stop()
        os.environ.clear()
        os.environ.update(before)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
