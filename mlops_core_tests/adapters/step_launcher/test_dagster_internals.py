"""The private parts of Dagster that the launcher uses are as they were when it was written."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from dagster._core.definitions.step_launcher import StepLauncher, StepRunRef
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import DagsterEvent, EngineEventData, StepMaterializationData
from dagster._core.execution.context.data_version_cache import DataVersionCache, InputAssetVersionInfo
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.external_step import (
    external_instance_from_step_run_ref,
    run_step_from_ref,
    step_context_to_step_run_ref,
)
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._serdes import deserialize_value, serialize_value

PARAMETERS = {
    StepLauncher.launch_step: ["self", "step_context"],
    StepRunRef: ["run_config", "dagster_run", "run_id", "retry_mode", "step_key", "recon_job", "known_state"],
    step_context_to_step_run_ref: ["step_context", "package_dir"],
    PlanExecutionContextManager: [
        "job",
        "execution_plan",
        "run_config",
        "dagster_run",
        "instance",
        "retry_mode",
        "scoped_resources_builder_cm",
        "raise_on_error",
        "output_capture",
        "step_dependency_config",
    ],
    external_instance_from_step_run_ref: ["step_run_ref", "event_listener_fn"],
    run_step_from_ref: ["step_run_ref", "instance"],
    dagster_event_sequence_for_step: ["step_context", "force_local_execution"],
    raise_execution_interrupts: [],
    DagsterEvent.from_step: ["event_type", "step_context", "event_specific_data", "message", "batch_metadata"],
    DataVersionCache: ["context"],
    DataVersionCache._fetch_input_asset_version_info: ["self", "asset_keys"],
    StepExecutionContext.fetch_external_input_asset_version_info: ["self"],
    StepExecutionContext.maybe_fetch_and_get_input_asset_version_info: ["self", "key"],
    AssetLayer.get_assets_def_for_node: ["self", "node_handle"],
    AssetLayer.get_asset_key_for_node_input: ["self", "inner_node_handle", "input_name"],
    dg.DagsterInstance.handle_new_event: ["self", "event", "batch_metadata"],
    dg.DagsterInstance.all_logs: ["self", "run_id", "of_type"],
    dg.DagsterInstance.fetch_materializations: ["self", "records_filter", "limit", "cursor", "ascending"],
}
FIELDS = {
    dg.EventLogEntry: "error_info level user_message run_id timestamp step_key job_name dagster_event",
    StepMaterializationData: "materialization asset_lineage",
    KnownExecutionState: "previous_retry_attempts",
    AssetCheckEvaluationTargetMaterializationData: "storage_id run_id timestamp",
    InputAssetVersionInfo: "storage_id event_type data_version run_id timestamp",
    EngineEventData: "metadata",
}


@pytest.mark.parametrize(
    ("used", "expected"), PARAMETERS.items(), ids=lambda value: getattr(value, "__qualname__", None)
)
def test_signature(used: Callable[..., object], expected: list[str]) -> None:
    found = list(inspect.signature(used).parameters)
    assert found == expected, f"Dagster changed {used.__qualname__}: adapt dagster_internals.py"


@pytest.mark.parametrize(("used", "expected"), FIELDS.items(), ids=lambda value: getattr(value, "__qualname__", None))
def test_fields(used: type, expected: str) -> None:
    found = getattr(used, "_fields", None) or list(used.__annotations__)
    assert set(expected.split()) <= set(found), f"Dagster changed {used.__qualname__}: adapt dagster_internals.py"


def test_an_entry_of_the_log_survives_as_json() -> None:
    entry = dg.EventLogEntry(None, "INFO", "hello", "run", 1.5, step_key="step", job_name="job", dagster_event=None)
    assert deserialize_value(serialize_value(entry), dg.EventLogEntry) == entry


def test_the_step_context_keeps_its_data_versions_where_we_put_ours() -> None:
    assert "_data_version_cache = DataVersionCache(" in inspect.getsource(StepExecutionContext.__init__)
