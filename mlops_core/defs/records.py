"""Dagster's records of checks and ticks: everything read from an instance outside of its public API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick
    from dagster._utils.error import SerializableErrorInfo

UNFINISHED = 2
"""Unfinished ticks that may precede the newest ended one: the running one, and one lost by its daemon."""


@dataclass(frozen=True)
class Evaluated:
    """A check that was evaluated in the run `run_id`, which is empty where somebody reported it; `at` in seconds since
    1970.

    `identity` is not that of another evaluation, in a history that was deleted either: SQLite gives an id again.
    """

    identity: str
    run_id: str
    at: float
    evaluation: dg.AssetCheckEvaluation


def newest_evaluated(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> Evaluated | None:
    """The newest evaluation of the check, whatever was planned after it and failed, or goes on; None without any."""
    summary = instance.event_log_storage.get_asset_check_summary_records([check])[check]
    record = summary.last_completed_check_execution_record
    if record is None or record.event is None or not isinstance(record.evaluation, dg.AssetCheckEvaluation):
        return None
    at = record.event.timestamp
    return Evaluated(f"{record.id} of {at}", record.run_id, at, record.evaluation)


@dataclass(frozen=True)
class Streak:
    """A schedule or sensor whose last `failures` ticks failed; times are seconds since 1970.

    `last_good` is when a tick succeeded last, None when Dagster knows of none; `error` says why the newest one failed.
    """

    name: str
    is_schedule: bool
    is_running: bool
    failures: int
    last_good: float | None
    newest: float
    error: str


def failing_ticks(instance: dg.DagsterInstance, location: str | None) -> Iterator[Streak]:
    """The schedules and sensors of a code location whose newest tick that ended has failed; of all without a name."""
    for state in instance.all_instigator_state():
        origin = state.origin.repository_origin.code_location_origin
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=UNFINISHED + 1)
        newest = next((tick for tick in ticks if tick.is_completed), None)
        if location in (None, origin.location_name) and newest is not None and newest.is_failure:
            yield _streak(instance, state, newest)


def _streak(instance: dg.DagsterInstance, state: InstigatorState, newest: InstigatorTick) -> Streak:
    from dagster._core.scheduler.instigation import TickStatus  # loading a code location needs none of it

    succeeded = [TickStatus.SUCCESS, TickStatus.SKIPPED]
    good = instance.get_ticks(state.instigator_origin_id, state.selector_id, statuses=succeeded, limit=1)
    return Streak(
        name=state.instigator_name,
        is_schedule=state.instigator_type.value == "SCHEDULE",
        is_running=state.is_running,
        failures=max(newest.consecutive_failure_count, newest.failure_count, 1),
        last_good=good[0].timestamp if good else None,
        newest=newest.timestamp,
        error=_first_cause(newest.error),
    )


def _first_cause(error: SerializableErrorInfo | None) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else "Dagster has recorded no error."


def running_schedules(context: dg.SensorEvaluationContext) -> set[str]:
    """The schedules that are switched on in the code location of a sensor."""
    location = context.code_location_origin.location_name if context.code_location_origin else None
    stored = context.instance.schedule_storage  # an instance in memory has none
    return {
        state.instigator_name
        for state in (context.instance.all_instigator_state() if stored else ())
        if state.instigator_type.value == "SCHEDULE"
        and state.is_running
        and location in (None, state.origin.repository_origin.code_location_origin.location_name)
    }
