"""Teardown of a Dagster run: end what is left on Databricks, add up its cost, remove its staged files."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.cost import Cost, Nodes, estimate
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.ending import end, end_unnamed
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.step_launcher.volume_clock import volume_now_ms
from mlops_core.adapters.step_launcher.workspace import Workspace
from mlops_core.adapters.waiting import wait_until

logger = logging.getLogger(__name__)
STOP_GRACE_S = 10.0
DAY_S = 86_400.0


@dataclass(frozen=True)
class TeardownReport:
    """What one Dagster run had on Databricks: its runs there, those that had to be cancelled, and what each cost."""

    databricks_runs: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    costs: tuple[Cost, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(cost.seconds for cost in self.costs)

    def metadata(self) -> dict[str, Any]:
        """The run's total; the estimate is left out when one of the clusters has no price."""
        values: dict[str, Any] = {
            "databricks/cluster_seconds": round(self.seconds, 2),
            "databricks/runs": ", ".join(map(str, self.databricks_runs)),
        }
        if self.costs and all(cost.money is not None for cost in self.costs):
            values["databricks/dbu_estimate"] = round(sum(cost.dbu or 0.0 for cost in self.costs), 6)
            values["databricks/cost_estimate"] = round(sum(cost.money or 0.0 for cost in self.costs), 6)
            values["databricks/cost_currency"] = self.costs[0].currency
        return values


def tear_down(runs: DatabricksRuns, run_id: str) -> TeardownReport:
    """End the Databricks runs of a Dagster run and remove its staging folder; does nothing the second time.

    Idle workers are asked to leave, and what does not leave within a few seconds is cancelled.

    Raises:
        TimeoutError: Databricks takes its time to end a run, or there is much to remove; the next teardown goes on.
    """
    folder = protocol.run_folder(runs.settings.volume, run_id)
    handles, unnamed = runs.handles(folder)
    if any(handle.worker for handle in handles):
        runs.workspace.put(protocol.stop_file(folder), b"")
    deadline = time.monotonic() + STOP_GRACE_S
    states = {handle.run_id: _when_it_leaves(runs.workspace, handle, deadline) for handle in handles}
    cancelled = [run for run, state in states.items() if not state.task_ended]
    for databricks_run in cancelled:
        states[databricks_run] = end(runs, databricks_run, runs.settings.timing.cancel_grace_s)
    if unnamed:
        end_unnamed(runs, folder)
    costs = [estimate(states[handle.run_id].seconds, Nodes(handle.nodes), runs.settings.prices) for handle in handles]
    runs.workspace.remove_tree(folder)
    return TeardownReport(tuple(handle.run_id for handle in handles), tuple(cancelled), tuple(costs))


def clean_up(runs: DatabricksRuns, older_than_days: float) -> list[str]:
    """Tear down Dagster runs and remove staged code that nothing has touched for so many days; returns their names."""
    limit_ms = volume_now_ms(runs) - older_than_days * DAY_S * 1000
    names = runs.staged_runs()
    return [*filter(lambda name: _cleaned_up(runs, name, limit_ms), names), *_clean_up_code(runs, limit_ms)]


def _cleaned_up(runs: DatabricksRuns, name: str, limit_ms: float) -> bool:
    """Whether a run's folder was old and is gone; one that can't be removed does not keep the others."""
    try:
        files = runs.workspace.walk(protocol.run_folder(runs.settings.volume, name))
        if max((file.last_modified or 0 for file in files if not file.is_directory), default=0) >= limit_ms:
            return False
        tear_down(runs, name)
    except call_errors() as error:
        logger.warning("What run %s staged could not be removed now, the next clean-up will: %s", name, error)
        return False
    return True


def _clean_up_code(runs: DatabricksRuns, limit_ms: float) -> list[str]:
    """An archive and the file that says it is staged go together."""
    entries = [one for one in runs.workspace.entries(f"{runs.settings.volume}/code") if not one.is_directory]
    touched: dict[str, int] = {}
    for entry in entries:
        stem = Path(str(entry.name)).stem
        touched[stem] = max(touched.get(stem, 0), entry.last_modified or 0)
    old = [entry for entry in entries if touched[Path(str(entry.name)).stem] < limit_ms]
    for entry in old:
        runs.workspace.remove(str(entry.path))
    return [str(entry.name) for entry in old]


def _when_it_leaves(workspace: Workspace, handle: RunHandle, deadline: float) -> RunState:
    """The state in which a Databricks run ended by itself, or the one in which it does not.

    A worker leaves when it is asked to, and the run of one attempt when that has ended.
    """
    leaves = handle.worker or (handle.attempt and workspace.exists(protocol.ended_file(handle.attempt)))
    return wait_until(
        lambda: workspace.state(handle.run_id),
        lambda state: state.task_ended or state.pending or not leaves,
        deadline - time.monotonic(),
    )
