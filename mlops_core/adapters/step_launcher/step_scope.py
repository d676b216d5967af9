"""What the entries of one step may be about: its run, itself, the assets and checks of its op."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher.run_handle import RUN, RUN_ID, WORKER

REPORTS_KEY = "databricks/reports"
"""The tag with which an op that makes no asset names those that it reports: a list of their keys."""
LATEST = 253_402_300_799.0  # the last second of the year 9999


@dataclass(frozen=True)
class StepScope:
    """One step of one run, and what its op declares; what it `reads`, it may observe."""

    run_id: str
    step_key: str
    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]
    reads: frozenset[dg.AssetKey]

    @classmethod
    def of(cls, context: internals.StepExecutionContext) -> StepScope:
        return cls(
            context.run_id, context.step.key, *internals.declared(context, REPORTS_KEY), internals.read_assets(context)
        )

    def objection(self, entry: dg.EventLogEntry, final: str | None) -> str | None:
        """Why an entry can't be one of this step's, whose `final` event may have come already; None if it can.

        Raises:
            UNREADABLE: its parts do not fit each other.
        """
        event = entry.dagster_event
        if entry.run_id != self.run_id:
            return f"it has an entry of the run {entry.run_id}"
        if not 0 <= entry.timestamp <= LATEST:
            return f"it has an entry with the time {entry.timestamp}"
        if event is not None:
            return self._objection_to_event(entry.step_key, event, final)
        if entry.step_key not in (None, self.step_key):
            return f"it has a line of the step {entry.step_key}"
        return None

    def _objection_to_event(self, step_key: str | None, event: internals.DagsterEvent, final: str | None) -> str | None:
        is_around = event.event_type in internals.AROUND_STEP
        if not is_around and event.event_type not in internals.OF_STEP:
            return f"it has the event {event.event_type_value}, which no step reports"
        if strange := {step_key, event.step_key} - {self.step_key}:
            return f"it has an event of the step {strange.pop()}"
        if not is_around and final is not None:
            return f"it has the event {event.event_type_value} after {final}"
        if is_around and (names := {RUN, RUN_ID, WORKER} & set(event.engine_event_data.metadata)):
            return f"it has {event.event_type_value} with {min(names)}, by which the host alone names a Databricks run"
        return self._foreign_asset(event)

    def _foreign_asset(self, event: internals.DagsterEvent) -> str | None:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data.asset_check_key
            return None if check in self.checks else f"it has a result of the check {check.to_user_string()}"
        key = event.asset_key
        observed = event.event_type == dg.DagsterEventType.ASSET_OBSERVATION
        if key is None or key in self.assets or (observed and key in self.reads):
            return None
        name = key.to_user_string()
        return (
            f"it has {event.event_type_value} of the asset {name}, which its op does not declare; if it may report "
            f'that, give the op the tag {REPORTS_KEY} = ["{name}"]'
        )
