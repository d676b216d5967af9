"""A warehouse, a registry and the checks of `fare_model` on six days: what tests of validation and promotion share.

Models that predict a constant make versions quickly, and what they must measure follows from the fares alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import mlflow
import numpy as np
import pandas as pd
from deltalake import DeltaTable
from mlflow.pyfunc import PythonModel

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import build_resources
from mlops_core.project import Project
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.training.model_inputs import model_inputs
from my_mlops_stacks.project import PROJECT

FIRST_DAY, LAST_DAY, HELD_OUT_FROM = "2016-02-24", "2016-02-29", "2016-02-28"
NO_DAY = {"trained_from": HELD_OUT_FROM}
"""The models here learn nothing, so no day is one that they were trained on."""
BASELINES = {
    f"root_mean_squared_error_{name}": value
    for name, value in {
        "of_constant": 1e6,
        "without_features": 1.0,
        "change_by_features": 0.0,
        "change_by_features_low": -0.1,
        "change_by_features_high": 0.1,
    }.items()
}
"""What a training says of simpler predictors; no model here is worse."""
NEIGHBOURS = FeatureLookup(
    "trip_pickup_features",
    "pickup_zip",
    feature_names="mean_fare_window_1h_pickup_zip",
    rename_outputs={"mean_fare_window_1h_pickup_zip": "neighbours_fare"},
    timestamp_lookup_key="tpep_pickup_datetime",
)


class Constant(PythonModel):
    def __init__(self, fare: float) -> None:
        self.fare = fare

    def predict(self, context, model_input: pd.DataFrame) -> np.ndarray:
        return np.full(len(model_input), self.fare)


class NeighboursFare(PythonModel):
    """The looked-up mean fare, or 10 USD where there is none."""

    def predict(self, context, model_input: pd.DataFrame) -> np.ndarray:
        return model_input["neighbours_fare"].astype(float).fillna(10.0).to_numpy()


class Gate:
    """A warehouse with features of six days, a registry, and the checks of `fare_model` as Dagster runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        days = {"BUNDLE_VAR_first_day": FIRST_DAY, "BUNDLE_VAR_last_day": LAST_DAY}
        self.target = load_target(PROJECT, "local", environ={"BUNDLE_VAR_state_folder": str(folder), **days})
        self.instance = dg.DagsterInstance.ephemeral()
        self.build()

    def build(self, project: Project = PROJECT) -> None:
        """The definitions, of `project` where it differs."""
        leakage = dg.AssetCheckKey(dg.AssetKey("fare_model"), "features_are_known_in_time")
        checks = dg.AssetSelection.checks_for_assets("fare_model") - dg.AssetSelection.checks(leakage)
        jobs = [
            dg.define_asset_job("validation", checks),
            dg.define_asset_job("gate", checks | dg.AssetSelection.assets("challenger").without_checks()),
        ]
        self.definitions = dg.Definitions.merge(definitions_of(project, self.target), dg.Definitions(jobs=jobs))

    def features(self) -> None:
        tags = {f"dagster/asset_partition_range_{end}": day for end, day in (("start", FIRST_DAY), ("end", LAST_DAY))}
        job = self.definitions.resolve_job_def("feature_engineering_job")
        config = {"ops": {"ingest_trips": {"config": {"rows": 3_000}}}}
        assert job.execute_in_process(run_config=config, tags=tags, instance=self.instance).success

    @contextmanager
    def resources(self) -> Iterator[dg.ScopedResources]:
        with dg.build_resources(build_resources(PROJECT, self.target), self.instance) as resources:
            yield resources

    @property
    def registry(self) -> ModelRegistry:
        with self.resources() as resources:
            return resources.model_registry

    def register(self, model: PythonModel, lookups: tuple[FeatureLookup, ...] = (), **tags: str) -> ModelVersion:
        """A new version that holds the alias `candidate`, with what training would have written on it."""
        with self.resources() as resources:
            tables, registry = resources.tables, resources.model_registry
            rows = model_inputs(PROJECT, tables.read("trips"), "fare_amount").limit(10)
            training_set = resources.feature_store.create_training_set(
                df=rows, feature_lookups=list(lookups), label="fare_amount"
            )
            with registry.run("a training", {}):
                mlflow.log_metrics(BASELINES)
                info = resources.feature_store.log_model(
                    model=model,
                    artifact_path="model",
                    flavor=mlflow.pyfunc,
                    training_set=training_set,
                    registered_model_name=registry.model,
                    pip_requirements=["mlflow"],
                )
            version = registry.get(int(info.registered_model_version))
            recorded = {"trips_version": str(tables.version("trips")), "held_out_from": HELD_OUT_FROM, **NO_DAY}
            written = recorded | {"leak_check": "passed"} | tags
            registry.tag(version, {key: value for key, value in written.items() if value})
            registry.move_alias("candidate", version)
            return registry.get(version.version)

    def run(self, job: str = "gate", **config: object) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={"ops": {"candidate_validation": {"config": config}}},
            instance=self.instance,
            raise_on_error=False,
        )

    def checks(self, **config: object) -> Mapping[str, dg.AssetCheckEvaluation]:
        return {found.check_name: found for found in self.run("validation", **config).get_asset_check_evaluations()}

    def error(self, **config: object) -> BaseException:
        """What stopped the validation, which must have moved no alias and left no verdict."""
        before = self.aliases()
        result = self.run(**config)
        assert not result.success
        assert self.aliases() == before
        assert self.registry.at_alias("candidate").tags.get("validation_status", "judging") == "judging"
        failures = [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
        return RuntimeError(failures[0].cause.to_string() if failures[0].cause else failures[0].to_string())

    def aliases(self) -> dict[str, int]:
        held = self.registry.client.get_registered_model(self.registry.model).aliases
        return {alias: int(version) for alias, version in held.items()}

    def champion(self, version: ModelVersion) -> None:
        self.registry.move_alias("champion", version)

    def lose(self, version: ModelVersion) -> None:
        """Delete a version as registries do that leave its alias behind; MLflow on SQL takes the alias away."""
        with sqlite3.connect(self.folder / "mlflow" / "mlflow.db") as database:
            for table in ("model_version_tags", "model_versions"):
                database.execute(f"DELETE FROM {table} WHERE version = {version.version}")

    def table(self, name: str) -> Path:
        return self.folder / "warehouse" / self.target.schema_name / name

    def held_out(self, version: int | None = None) -> pd.DataFrame:
        """The held-out trips, read without any code of the project."""
        rows = DeltaTable(self.table("trips"), version=version).to_pandas()
        rows["tpep_pickup_datetime"] = rows["tpep_pickup_datetime"].dt.tz_localize(None)
        return rows[rows["tpep_pickup_datetime"] >= HELD_OUT_FROM]
