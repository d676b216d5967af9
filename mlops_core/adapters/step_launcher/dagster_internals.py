"""Every private API of Dagster that the step launcher depends on, all in this module.

Dagster offers step launchers no public way to ship a step, to replay its events, or to tell a remote step about its
upstream assets. A test compares what is used here with the installed Dagster, so that an upgrade that changes one of
them fails there with its name.
"""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.definitions.step_launcher import StepLauncher, StepRunRef
from dagster._core.errors import DagsterExecutionInterruptedError, raise_execution_interrupts
from dagster._core.events import (
    STEP_EVENTS,
    DagsterEvent,
    DagsterEventType,
    EngineEventData,
)
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context.data_version_cache import DataVersionCache
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.external_step import (
    external_instance_from_step_run_ref,
    step_context_to_step_run_ref,
)
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._serdes import deserialize_value, serialize_value
from dagster_shared.check import CheckError
from dagster_shared.record import copy as copied
from dagster_shared.serdes.errors import DeserializationError

from mlops_core.adapters.recorded_metadata import recorded

__all__ = ["DagsterEvent", "EngineEventData", "StepExecutionContext", "StepLauncher"]

INTERRUPTIONS = (DagsterExecutionInterruptedError, KeyboardInterrupt)
TERMINATED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)
ENDED = (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
FINAL = frozenset({DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY})
OF_STEP = frozenset(STEP_EVENTS - {DagsterEventType.STEP_SKIPPED})
"""What the process of a step reports of it. That one is skipped, its hooks and its logs are reported by the host."""
AROUND_STEP = {
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.RESOURCE_INIT_FAILURE,
}
"""Each has EngineEventData, and may come after the final event."""
UNREADABLE = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError),
    *(DeserializationError, CheckError, dg.DagsterError),
)
"""What Dagster raises for JSON that is no entry of an event log, or one with parts that do not fit each other."""
NO_EVENT = "Could not deserialize event of type"  # in the place of what Dagster can't read
LOADING = threading.Lock()
RECENT_ROWS = 10  # runs of the same asset at the same time may have written between ours and now


# On the host ----------------------------------------------------------------------------------------------------------


def interruptible() -> AbstractContextManager[None]:
    """Within, a termination from the UI is raised at once, as DagsterExecutionInterruptedError."""
    return raise_execution_interrupts()


def dump_step(context: StepExecutionContext, lost_attempts: int) -> bytes:
    """Pickle what the cluster needs to run this step.

    Attempts that were lost with their cluster are taken from the count, so that the asset's own retry policy sees only
    its own.

    Raises:
        ValueError: the job lives in this process only, so that no other process could load it.
    """
    if not isinstance(context.job, ReconstructableJob):
        raise ValueError(
            "A step on Databricks needs a job that another process can load: launch it from the code location or with "
            "dg.execute_job and dg.reconstructable, not with dg.materialize or execute_in_process."
        )
    reference = step_context_to_step_run_ref(context)
    if lost_attempts and reference.known_state:
        counts = dict(reference.known_state.previous_retry_attempts)
        counts[reference.step_key] = max(0, counts.get(reference.step_key, 0) - lost_attempts)
        known = reference.known_state._replace(previous_retry_attempts=counts)
        reference = reference._replace(known_state=known)
    runs = (context.instance.get_run_by_id(name) for name in repeated_runs(context))
    # Without their snapshots, which the instance on the cluster lacks: all that it asks is which run repeats which.
    repeated = [run._replace(job_snapshot_id=None, execution_plan_snapshot_id=None) for run in runs if run]
    return pickle.dumps({"reference": reference, "upstream": _upstream_versions(context), "repeated": repeated})


def _upstream_versions(context: StepExecutionContext) -> dict[dg.AssetKey, Any]:
    """The host's record of upstream and checked assets: the instance on the cluster is empty."""
    if not context.is_external_input_asset_version_info_loaded:
        context.fetch_external_input_asset_version_info()
    own = set(context.get_output_asset_keys())
    assets = context.job_def.asset_layer.get_assets_def_for_node(context.node_handle)
    for spec in assets.check_specs if assets else ():
        if spec.asset_key not in own:
            context.maybe_fetch_and_get_input_asset_version_info(spec.asset_key)
    return dict(context._data_version_cache.input_asset_version_info)


def runs_in_this_process(context: StepExecutionContext) -> bool:
    """Whether this process executes the whole run, and is not one of many that execute a step of it each.

    Those defer retries to the process that started them, unless the run has none at all.
    """
    snapshot = context.instance.get_execution_plan_snapshot(str(context.dagster_run.execution_plan_snapshot_id))
    whole = set(context.plan_data.execution_plan.step_keys_to_execute) >= set(snapshot.step_keys_to_execute)
    return whole and not context.retry_mode.deferred


def is_being_terminated(context: StepExecutionContext) -> bool:
    """Whether someone asked for the end of the run, in the UI for example."""
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status in TERMINATED


class RunEndedError(dg.Failure):
    """The Dagster run was ended while this process, which nobody could reach, went on."""


def require_running(context: StepExecutionContext) -> None:
    """Refuse to go on for a run that was ended, by force or by the monitoring of runs.

    Raises:
        RunEndedError: it was; the step is not retried.
    """
    run = context.instance.get_run_by_id(context.run_id)
    if run is not None and run.status in ENDED:
        raise RunEndedError(
            f"The run {run.run_id} was ended ({run.status.value}) while its process went on: what it runs on "
            "Databricks is cancelled; launch its job again if the result is wanted.",
            allow_retries=False,
        )


def repeated_runs(context: StepExecutionContext) -> Iterator[str]:
    """The runs that this one repeats, by hand or because their workers were lost; the newest first."""
    run: dg.DagsterRun | None = context.dagster_run
    while run is not None and run.parent_run_id is not None:
        yield run.parent_run_id
        run = context.instance.get_run_by_id(run.parent_run_id)


def compute_changes(context: StepExecutionContext, key: str) -> list[Any]:
    """What the op's tag and the metadata of the assets of this step say under `key`; later ones win."""
    found: list[Any] = [context.op.tags[key]] if key in context.op.tags else []
    for asset in sorted(context.get_output_asset_keys()):
        metadata = context.job_def.asset_layer.get(asset).metadata
        if key in metadata:
            found.append(getattr(metadata[key], "value", metadata[key]))
    return found


def engine_event(context: StepExecutionContext, message: str, metadata: Mapping[str, Any]) -> DagsterEvent:
    """An event of the step that the launcher itself has to tell; it is stored by being made."""
    return DagsterEvent.from_step(DagsterEventType.ENGINE_EVENT, context, EngineEventData(dict(metadata)), message)


def told_of_worker(context: StepExecutionContext, key: str, name: str, within_s: float) -> Mapping[str, Any] | None:
    """The metadata with which the last step on a worker named it, under `key`; None unless that has just succeeded.

    `name` is how the worker's name begins; steps on other workers are left out. How long ago it succeeded is at most
    the time since the host named the worker, less what the step took there: each by the clock of one machine.
    """
    told: dict[str | None, tuple[Mapping[str, Any], float]] = {}
    began: dict[str | None, float] = {}
    last: dg.EventLogEntry | None = None
    of_type = {DagsterEventType.ENGINE_EVENT, DagsterEventType.STEP_START, *FINAL}
    for entry in context.instance.all_logs(context.run_id, of_type=of_type):
        event = entry.get_dagster_event()
        if event.event_type in FINAL:
            last = entry if entry.step_key in told else last
        elif event.event_type == DagsterEventType.STEP_START:
            began[entry.step_key] = entry.timestamp
        elif (worker := recorded(event.engine_event_data.metadata, key, str)) is not None:
            metadata = {label: value.value for label, value in event.engine_event_data.metadata.items()}
            told |= {entry.step_key: (metadata, entry.timestamp)} if worker.startswith(name) else {}
    if last is None or last.get_dagster_event().event_type != DagsterEventType.STEP_SUCCESS:
        return None
    last_told, told_at = told[last.step_key]
    took_s = last.timestamp - began.get(last.step_key, last.timestamp)
    return last_told if time.time() - told_at - took_s < within_s else None


def load_events(texts: Sequence[str]) -> list[dg.EventLogEntry]:
    """The entries that were serialized.

    Raises:
        UNREADABLE: a text is no entry, or its event is none.
    """
    entries = [deserialize_value(text, dg.EventLogEntry) for text in texts]
    for entry in entries:
        if entry.dagster_event is not None and (entry.dagster_event.message or "").startswith(NO_EVENT):
            raise ValueError(entry.dagster_event.message)
    return entries


def declared(context: StepExecutionContext, tag: str) -> tuple[frozenset[dg.AssetKey], frozenset[dg.AssetCheckKey]]:
    """The assets and the checks that a step's op may report: its own, and assets that its tag names in a JSON list."""
    assets = context.job_def.asset_layer.get_assets_def_for_node(context.node_handle)
    keys, checks = (assets.keys, assets.check_keys) if assets else ((), ())
    named = map(dg.AssetKey.from_user_string, json.loads(context.op.tags.get(tag, "[]")))
    return frozenset({*keys, *context.get_output_asset_keys(), *named}), frozenset(checks)


def read_assets(context: StepExecutionContext) -> frozenset[dg.AssetKey]:
    """The assets that a step's op declares to read."""
    layer = context.job_def.asset_layer
    assets = layer.get_assets_def_for_node(context.node_handle)
    inputs = (layer.get_asset_key_for_node_input(context.node_handle, name) for name in context.op_def.input_dict)
    return frozenset({*(assets.node_keys_by_input_name.values() if assets else ()), *filter(None, inputs)})


def ended_before(context: StepExecutionContext) -> list[DagsterEvent]:
    """The events of the attempt with which this step has ended in this run; none when it has not.

    A process that executes a whole run begins with the first step, though another one was lost when all had ended.
    """
    finals = context.instance.all_logs(context.run_id, of_type=set(FINAL))
    if not any(entry.step_key == context.step.key for entry in finals):
        return []
    entries = context.instance.all_logs(context.run_id, of_type=set(STEP_EVENTS))
    events = [entry.get_dagster_event() for entry in entries if entry.step_key == context.step.key]
    retried = [at for at, event in enumerate(events, start=1) if event.event_type == DagsterEventType.STEP_UP_FOR_RETRY]
    last = events[max(retried, default=0) :]
    return last if any(map(is_final, last)) else []


def identity(entry: dg.EventLogEntry) -> tuple[Any, ...]:
    """What tells entries of one step apart, also after `with_metadata` and `with_own_target`."""
    event = entry.dagster_event
    about = (event.event_type_value, event.asset_key, event.partition) if event else None
    return entry.timestamp, about, entry.user_message, entry.level


def stored_identities(context: StepExecutionContext) -> set[tuple[Any, ...]]:
    """The entries of this step that the run's log has."""
    entries = context.instance.all_logs(context.run_id)
    return {identity(entry) for entry in entries if entry.step_key == context.step.key}


def is_final(event: DagsterEvent) -> bool:
    """Whether a step says nothing after this event."""
    return event.event_type in FINAL


def is_materialization(entry: dg.EventLogEntry) -> bool:
    return entry.dagster_event is not None and entry.dagster_event.is_step_materialization


def with_metadata(entry: dg.EventLogEntry, metadata: Mapping[str, Any]) -> dg.EventLogEntry:
    """A materialization's entry with more metadata."""
    event = entry.get_dagster_event()
    data = event.step_materialization_data
    changed = data.materialization.with_metadata({**metadata, **data.materialization.metadata})
    return entry._replace(dagster_event=event._replace(event_specific_data=data._replace(materialization=changed)))


def with_own_target(context: StepExecutionContext, entry: dg.EventLogEntry) -> dg.EventLogEntry:
    """A check's entry that points at the host's row of the materialization it judged.

    The cluster's own instance knows only what this step wrote, under its own row numbers; what was shipped with the
    step has the host's already.
    """
    event = entry.dagster_event
    if event is None or event.event_type != DagsterEventType.ASSET_CHECK_EVALUATION:
        return entry
    evaluation = event.asset_check_evaluation_data
    target = evaluation.target_materialization_data
    if target is not None and target.run_id != context.run_id:
        return entry
    evaluation = copied(evaluation, target_materialization_data=_judged(context, evaluation, own=target is not None))
    return entry._replace(dagster_event=event._replace(event_specific_data=evaluation))


def _judged(
    context: StepExecutionContext, evaluation: dg.AssetCheckEvaluation, own: bool
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The newest materialization of the checked asset (and partition), or of this run when it is its `own`."""
    layer, key = context.job_def.asset_layer, evaluation.asset_key
    partitioned = layer.has(key) and layer.get(key).partitions_def is not None and context.has_partition_key
    recent = dg.AssetRecordsFilter(key, asset_partitions=[context.partition_key] if partitioned else None)
    rows = context.instance.fetch_materializations(recent, limit=RECENT_ROWS).records
    row = next((row for row in rows if not own or row.run_id == context.run_id), None)
    return row and AssetCheckEvaluationTargetMaterializationData(
        storage_id=row.storage_id, run_id=row.run_id, timestamp=row.timestamp
    )


# On the cluster -------------------------------------------------------------------------------------------------------


def run_pickled_step(body: bytes, on_entry: Callable[[str], object]) -> str | None:
    """Run a step that `dump_step` pickled, in this process; returns the type of its final event.

    `on_entry` is given each entry of the event log as JSON text, from the thread that logs it.
    """
    request = pickle.loads(body)  # noqa: S301 - written by the host to a volume that only its identity may write
    reference: StepRunRef = request["reference"]
    with LOADING:  # while it imports definitions, Dagster rewrites sys.path for the whole process
        reference.recon_job.get_definition()
    instance = external_instance_from_step_run_ref(reference, lambda entry: on_entry(serialize_value(entry)))
    with instance, _step_context(reference, instance) as context:
        for run in request["repeated"]:
            instance.add_run(run)
        _know_partitions(context)
        context._data_version_cache = ShippedVersions(context, request["upstream"])
        final = None
        for event in dagster_event_sequence_for_step(context, force_local_execution=True):
            final = event.event_type_value if is_final(event) else final
    return final


@contextmanager
def _step_context(reference: StepRunRef, instance: dg.DagsterInstance) -> Iterator[StepExecutionContext]:
    """The context of a step with its resources, which are torn down when the step is over.

    Dagster's own `step_run_ref_to_step_context` lets go of what holds them, and resources that are generators end
    before the step begins.
    """
    job, run, known = reference.recon_job, reference.dagster_run, reference.known_state or KnownExecutionState()
    if run.resolved_op_selection or run.asset_selection:
        job = job.get_subset(op_selection=run.resolved_op_selection, asset_selection=run.asset_selection)
    plan = create_execution_plan(
        job,
        reference.run_config,
        step_keys_to_execute=[reference.step_key],
        known_state=reference.known_state,
        repository_load_data=job.repository.repository_load_data,
    )
    manager = PlanExecutionContextManager(
        retry_mode=reference.retry_mode.for_inner_plan(),
        job=job,
        execution_plan=plan,
        run_config=reference.run_config,
        dagster_run=run,
        instance=instance,
    )
    step = plan.get_step_by_key(reference.step_key)
    if not isinstance(step, ExecutionStep):
        raise TypeError(f"The step {reference.step_key} is a {type(step).__name__}, which no host can have sent.")
    list(manager.prepare_context())
    try:
        yield manager.get_context().for_step(step, known)
    finally:
        list(manager.shutdown_context())


class ShippedVersions(DataVersionCache):
    """Answers for upstream assets with what the host knew of them when it sent the step."""

    def __init__(self, context: StepExecutionContext, shipped: Mapping[dg.AssetKey, Any]) -> None:
        super().__init__(context)
        self._shipped = shipped

    def _fetch_input_asset_version_info(self, asset_keys: Sequence[dg.AssetKey]) -> None:
        known = {key: self._shipped[key] for key in asset_keys if key in self._shipped}
        self.input_asset_version_info.update(known)
        super()._fetch_input_asset_version_info([key for key in asset_keys if key not in known])


def _know_partitions(context: StepExecutionContext) -> None:
    """Tell the cluster's empty instance that the dynamic partitions of this step exist."""
    if not context.has_partition_key:
        return
    for name in context.op_def.output_dict:
        definition = context.partitions_def_for_output(output_name=name)
        if isinstance(definition, dg.DynamicPartitionsDefinition) and definition.name:
            context.instance.add_dynamic_partitions(definition.name, [context.partition_key])
