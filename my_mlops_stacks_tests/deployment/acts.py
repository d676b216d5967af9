"""What people and schedules do with models of a `Gate`, for tests of rollback, shadow, copies and explanation."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pandas as pd
from deltalake import DeltaTable
from mlflow.pyfunc import PythonModel

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks_tests.gate import Constant, Gate

WHO = {"rolled_back_by": "Ada", "reason": "it predicts nonsense"}


class NoLongTrips(Constant):
    """Says nothing about trips above a mile."""

    def predict(self, context, model_input: pd.DataFrame) -> np.ndarray:
        return np.where(model_input["trip_distance"] > 1, np.nan, self.fare)


def validated(gate: Gate, model: PythonModel, *lookups: object, **tags: str) -> ModelVersion:
    """A version that passed beside today's champion."""
    against = str(gate.aliases().get("champion", "none"))
    written = {"validation_status": "passed", "validated_against": against, "git_commit": "abc123"}
    return gate.register(model, lookups, **(written | tags))


def run(gate: Gate, job: str, days: tuple[str, str] | None = None, **config: object) -> dg.ExecuteInProcessResult:
    tags = {f"dagster/asset_partition_range_{end}": d for end, d in zip(("start", "end"), days or (), strict=False)}
    run_config = {"ops": {op: {"config": values} for op, values in config.items()}}
    return gate.definitions.resolve_job_def(job).execute_in_process(
        run_config=run_config, instance=gate.instance, tags=tags, raise_on_error=False
    )


def promoted(gate: Gate, model: PythonModel, *lookups: object, **tags: str) -> ModelVersion:
    """A version that took the whole way."""
    version = validated(gate, model, *lookups, **tags)
    gate.registry.move_alias("challenger", version)
    assert approved(gate, version).success
    return version


def approved(gate: Gate, version: ModelVersion, /, **config: object) -> dg.ExecuteInProcessResult:
    """What came of `promote_job` for the version."""
    asked = {"version": version.version, "approved_by": "Ada", "reason": "looked at the report"}
    return run(gate, "promote_job", champion=asked | config)


def rolled_back(gate: Gate, version: ModelVersion | int, **config: object) -> dg.ExecuteInProcessResult:
    number = version if isinstance(version, int) else version.version
    return run(gate, "rollback_job", roll_back={"version": number, **WHO, **config})


def reason(result: dg.ExecuteInProcessResult) -> str:
    """Why the run failed, as its failed step says it."""
    assert not result.success
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return str(errors[0].cause or errors[0])


def ledger(gate: Gate) -> dict[str, object]:
    entry = gate.instance.get_latest_materialization_event(dg.AssetKey("champion")).asset_materialization.metadata
    return {key: found.value for key, found in entry.items()}


def predictions_of(gate: Gate, version: ModelVersion) -> pd.DataFrame:
    """The rows of one version, read without any code of the project."""
    rows = DeltaTable(gate.table("predictions")).to_pandas()
    own = rows[(rows.model_version == version.version) & (rows.model_name == version.name)]
    return own.sort_values(["tpep_pickup_datetime", "pickup_zip", "trip_distance"]).reset_index(drop=True)
