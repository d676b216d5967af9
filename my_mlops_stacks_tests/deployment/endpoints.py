"""A target with a serving endpoint, on the models of a `Gate`: this machine's, or that of an emulated workspace."""

from __future__ import annotations

import logging
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from databricks_emulator import Emulator
from databricks_emulator.mlflow_models import models_of
from mlops_core.adapters.serving.databricks import DatabricksEndpoint
from mlops_core.adapters.step_launcher.patient_calls import ClientSource, PatientCalls
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.config import Endpoint, parsed_host
from my_mlops_stacks_tests.gate import Gate

NAME = "fare"


class Served(Gate):
    """The gate's warehouse and registry, for a target that asks for an endpoint; the history begins anew."""

    def __init__(self, gate: Gate, **stated: Any) -> None:
        self.folder, self.instance = gate.folder, dg.DagsterInstance.ephemeral()
        self.target = gate.target.model_copy(update={"endpoint": Endpoint(name=NAME, **stated)})
        self.build()

    def stating(self, **stated: Any) -> Served:
        """The same history, for a target that states something else."""
        other = Served(self, **stated)
        other.instance = self.instance
        return other

    def tick(self, cursor: str | None = None) -> SensorExecutionData:
        repository = self.definitions.get_repository_def()
        with self.resources() as found:
            needed = {name: getattr(found, name) for name in ("model_registry", "watched_endpoint")}
            context = dg.build_sensor_context(self.instance, cursor=cursor, repository_def=repository, resources=needed)
            return repository.get_sensor_def("endpoint_sensor").evaluate_tick(context)

    def follow(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """What the daemon does with a request."""
        job = self.definitions.resolve_job_def("endpoint_job")
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags=dict(request.tags),
            raise_on_error=False,
        )

    def events(self) -> list[Any]:
        """What is recorded of the endpoint, the newest first."""
        key = dg.AssetKey("endpoint")
        pages = (self.instance.fetch_materializations(key, limit=50), self.instance.fetch_observations(key, limit=50))
        records = sorted((r for page in pages for r in page.records), key=lambda r: r.storage_id, reverse=True)
        return [record.asset_materialization or record.asset_observation for record in records]


def workspace_endpoint(emulator: Emulator, gate: Gate) -> DatabricksEndpoint:
    """The endpoint of an emulated workspace that serves what is in the gate's registry."""
    registry = gate.registry
    emulator.serving.load = models_of(registry.tracking_uri)
    settings = LauncherSettings("/Volumes/dev/fares/staging", workspace=parsed_host(emulator.url, "here"))
    calls = PatientCalls(ClientSource(settings), 1.0, 2.0, logging.getLogger(__name__))
    page = f"{emulator.url}/ml/endpoints/{NAME}"
    return DatabricksEndpoint(NAME, registry.model, calls, f"{emulator.url}/invocations", page, timeout_s=5.0)
