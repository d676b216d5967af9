"""What to say, and whether to try again, when Databricks gives no result of a step."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from my_mlops_stacks.adapters.step_launcher.databricks_runs import RunHandle
from my_mlops_stacks.adapters.step_launcher.protocol import Done
from my_mlops_stacks.adapters.step_launcher.workspace import RunState, Workspace

TRACEBACK_TAIL = 6_000
LOG_TAIL = 4_000
CANCELLED = ("CANCELED", "TIMEDOUT")


@dataclass(frozen=True)
class Explanation:
    """A failure for the Dagster run, and whether the infrastructure is to blame."""

    failure: dg.Failure
    infrastructure: bool


def explain_mismatch(done: Done) -> dg.Failure:
    return dg.Failure(str(done.error), allow_retries=False)


def explain_error(done: Done, handle: RunHandle) -> dg.Failure:
    """The step raised before Dagster could make a failure of it: its definitions or its resources did not load."""
    text = (done.error or "").strip()
    return dg.Failure(
        f"The step could not start on Databricks: {text.splitlines()[-1] if text else 'no reason was given'}\n{text}",
        metadata={
            "databricks_run": dg.MetadataValue.url(handle.url),
            "remote_traceback": _block(text[-TRACEBACK_TAIL:]),
        },
        allow_retries=False,
    )


def explain_loss(workspace: Workspace, handle: RunHandle, state: RunState, started: bool) -> Explanation:
    """The Databricks run ended without the step's last message."""
    error, log = workspace.output(state.task_run_id) if state.task_run_id else ("", "")
    ending = " ".join(filter(None, (state.life_cycle, state.result, state.code)))
    lines = [f"Databricks run {handle.run_id} ended ({ending}) without a result of the step. {_advice(state, started)}"]
    lines += filter(None, (state.message, error[-TRACEBACK_TAIL:].strip()))
    metadata = {
        "databricks_run": dg.MetadataValue.url(handle.url),
        "databricks_state": dg.MetadataValue.text(f"{ending}: {state.message}" if state.message else ending),
        "remote_traceback": _block(error[-TRACEBACK_TAIL:]),
        "log_tail": _block(log[-LOG_TAIL:]),
    }
    failure = dg.Failure("\n".join(lines), metadata=metadata, allow_retries=False)
    return Explanation(failure, _is_infrastructure(state, started))


def _is_infrastructure(state: RunState, started: bool) -> bool:
    """Whether the same step may well succeed on another cluster: not when a person, a limit or the request ended it."""
    if state.result in CANCELLED:
        return False
    by_request = state.cause == "CLIENT_ERROR" or state.code == "RUN_EXECUTION_ERROR"
    return started or not by_request


def _advice(state: RunState, started: bool) -> str:
    if state.result == "CANCELED":
        return "It was cancelled on Databricks."
    if state.result == "TIMEDOUT":
        return "It took longer than the compute's timeout_s: raise that, or make the step faster."
    if started:
        return "The process was killed or its cluster was lost; when it was memory, give the asset larger nodes."
    return "It ended before the step began: see the error of the run's start below."


def _block(text: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"```\n{text}\n```" if text else "(none)")
