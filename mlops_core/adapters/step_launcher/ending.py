"""Ends whatever may still write: an earlier attempt of a step, a Databricks run, an earlier Dagster run."""

from __future__ import annotations

import time
from dataclasses import replace

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.run_handle import RunHandle, RunRequest
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.waiting import wait_until

LEASE_NOTICED_S = 12.0  # a process on the cluster ends when it missed its lease at three looks, at most 3 s apart


def end_previous(runs: DatabricksRuns, request: RunRequest, attempt: str) -> str | None:
    """Return when nothing of an earlier attempt runs any more: it may have written the table that we write.

    Returns: the type of its final event when it came to one.
    """
    if (final := _final_event(runs, attempt)) is not None or not _sent(runs, attempt):
        return final
    # Without a handle the host died while it submitted: the token finds the run, or starts one that ends at once.
    handle = runs.handle_of(attempt) or runs.submitted(request, attempt)
    if runs.workspace.state(handle.run_id).ended:
        return _final_event(runs, attempt)  # it may have come since
    runs.log.warning("Databricks run %s still has the previous attempt: ending that first.", handle.run_id)
    if not handle.worker:
        end(runs, handle.run_id, runs.settings.timing.outage_s)
    elif not _cancelled_alone(runs, attempt):
        _end_worker(runs, handle, request.step_key)
    return _final_event(runs, attempt)


def end(runs: DatabricksRuns, run_id: int, within_s: float) -> RunState:
    """Cancel a Databricks run and return its state when it has ended.

    Raises:
        TimeoutError: Databricks did not end it in time.
    """
    if not (state := runs.workspace.state(run_id)).ended:
        runs.workspace.cancel(run_id)
        state = wait_until(lambda: runs.workspace.state(run_id), lambda state: state.ended, within_s)
        if not state.ended:
            raise TimeoutError(f"Databricks run {run_id} was cancelled but does not end: end it in the workspace.")
    return state


def end_dagster_run(runs: DatabricksRuns, run_id: str) -> None:
    """Return when nothing of another Dagster run runs on Databricks: the one that this run repeats.

    A Databricks run of which its host left no handle ends by itself when it finds no lease.
    """
    folder = protocol.run_folder(runs.settings.volume, run_id)
    handles, unnamed = runs.handles(folder)
    active = [handle for handle in handles if not runs.workspace.state(handle.run_id).ended]
    if active:
        runs.log.warning("The run that this one repeats, %s, is still on Databricks: ending that first.", run_id)
        runs.workspace.remove(protocol.lease_file(folder))
    for handle in active:
        end(runs, handle.run_id, runs.settings.timing.outage_s)
    if unnamed:
        end_unnamed(runs, folder)


def end_unnamed(runs: DatabricksRuns, folder: str) -> None:
    """Return when everything of a Dagster run that no handle names has ended, as it does without a lease."""
    runs.workspace.remove(protocol.lease_file(folder))
    time.sleep(LEASE_NOTICED_S)


def last_state(runs: DatabricksRuns, run_id: int, state: RunState) -> RunState:
    """The state of a Databricks run at its end, when it is coming to that: by then, nothing in it begins any more."""
    if state.ended or not state.task_ended:
        return state
    return wait_until(lambda: runs.workspace.state(run_id), lambda state: state.ended, runs.settings.timing.outage_s)


def _cancelled_alone(runs: DatabricksRuns, attempt: str) -> bool:
    """Whether the attempt ends without its worker, in which other steps run.

    One that finds `cancel` when it begins ends at once; so one that has not begun by now does nothing.
    """
    runs.workspace.put(protocol.cancel_file(attempt), b"")
    if not runs.workspace.exists(protocol.begun_file(attempt)):
        return True
    grace_s = runs.settings.timing.cancel_grace_s
    return wait_until(lambda: _final_event(runs, attempt), lambda event: event is not None, grace_s) is not None


def _end_worker(runs: DatabricksRuns, handle: RunHandle, step_key: str) -> None:
    """Cancel a worker with everything in it, and let the other steps know why."""
    runs.workspace.put(handle.file, replace(handle, left=True, ended_for=step_key).to_bytes())
    end(runs, handle.run_id, runs.settings.timing.outage_s)


def _final_event(runs: DatabricksRuns, attempt: str) -> str | None:
    """None while the attempt runs; empty when it ended without a final event."""
    ended = runs.workspace.get(protocol.ended_file(attempt))
    return None if ended is None else ended.decode(errors="replace")


def _sent(runs: DatabricksRuns, attempt: str) -> bool:
    return runs.workspace.exists(protocol.request_file(attempt))
