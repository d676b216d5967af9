"""Registered models and experiments, as far as the bundle declares them: they exist, and have an owner."""

from __future__ import annotations

from databricks.sdk.service.catalog import RegisteredModelInfo, RegisteredModelsAPI
from databricks.sdk.service.ml import Experiment, ExperimentsAPI, GetExperimentByNameResponse

from databricks_emulator.api import ApiError, Call, route
from databricks_emulator.unity_catalog import BASE, UnityCatalog


class MlArtifacts:
    def __init__(self, catalog: UnityCatalog) -> None:
        self._catalog = catalog
        self._models: set[str] = set()
        self._experiments: dict[str, str] = {}

    # For tests

    def add_model(self, full_name: str) -> None:
        """Register the model `catalog.schema.model`, without a version, with its schema."""
        self._catalog.add_schema(full_name.rpartition(".")[0])
        self._models.add(full_name)

    def add_experiment(self, name: str) -> str:
        """Make an experiment; returns its id."""
        return self._experiments.setdefault(name, str(len(self._experiments) + 1))

    # The endpoints

    @route("GET", f"{BASE}/models/{{full_name}}", RegisteredModelsAPI.get)
    def get_model(self, call: Call) -> RegisteredModelInfo:
        name = call["full_name"]
        self._catalog.check_schema(name.rpartition(".")[0])
        if name not in self._models:
            raise ApiError(404, "ROUTINE_DOES_NOT_EXIST", f"Routine or Model '{name}' does not exist.")
        return RegisteredModelInfo(full_name=name, name=name.split(".")[-1], owner=self._catalog.owner)

    @route("GET", "/api/2.0/mlflow/experiments/get-by-name", ExperimentsAPI.get_by_name)
    def get_experiment(self, call: Call) -> GetExperimentByNameResponse:
        name = call["experiment_name"]
        if name not in self._experiments:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Node {name} does not exist.")
        return GetExperimentByNameResponse(Experiment(name=name, experiment_id=self._experiments[name]))
