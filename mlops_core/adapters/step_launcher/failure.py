"""The error message, and whether to retry, when Databricks returns no result for a step."""

from __future__ import annotations

import re
from dataclasses import dataclass

import dagster as dg

from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.compute import COMPUTE_KEY, Compute
from mlops_core.adapters.step_launcher.dispatch import Loss
from mlops_core.adapters.step_launcher.protocol import DAMAGED_CODE, Done
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.step_launcher.workspace import Workspace

TRACEBACK_TAIL = 6_000
LOG_TAIL = 4_000
NETWORK = re.compile(
    r"IP (ACL|access list)|network access|private link|without an error of Databricks", re.IGNORECASE
)  # in a PermissionDenied
CANCELLED = {
    "CANCELED": "It was cancelled on Databricks.",
    "TIMEDOUT": "It took longer than the compute's timeout_s: raise that, or make the step faster.",
}

NOT_STARTED = (
    "It was cancelled because it did not start within the compute's start_timeout_s: look at its page for what it "
    "waits for (machines of that type, a quota, a queue), or allow more time."
)


@dataclass(frozen=True)
class Explanation:
    """A failure for the Dagster run, and whether the infrastructure is to blame."""

    failure: dg.Failure
    infrastructure: bool


def explain_mismatch(done: Done) -> dg.Failure:
    return dg.Failure(str(done.error), allow_retries=False)


def explain_refusal(refused: Exception, step_key: str, compute: Compute) -> dg.Failure:
    """Databricks will not start what the step asks for; the same request would be refused again."""
    from databricks.sdk.errors import PermissionDenied

    choose = (
        f"the variable compute of the target in databricks.yml, or what the asset's metadata or tag {COMPUTE_KEY} "
        "makes of it"
    )
    advice = f"Correct {choose}."
    if isinstance(refused.__cause__, PermissionDenied):
        advice = f"Grant the pipeline's identity what is missing, or choose compute that it may use: {choose}."
    if NETWORK.search(str(refused)):
        advice = "Let this host call the workspace: see to its IP access lists, or to its private link."
    return dg.Failure(
        f"Databricks refused to start compute of the kind {compute.kind} for {step_key}: {refused}\n{advice}",
        allow_retries=False,
    )


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


def explain_loss(workspace: Workspace, loss: Loss) -> Explanation:
    """The Databricks run ended without the step's last message."""
    handle, state = loss.handle, loss.state
    error, log = _output(workspace, state)
    ending = " ".join(filter(None, (state.life_cycle, state.result, state.code)))
    how = f"ended ({ending})" if state.ended else f"is {ending}"
    lines = [f"Databricks run {handle.run_id} {how} without a result of the step. {_advice(loss)}"]
    lines += filter(None, (state.message, error[-TRACEBACK_TAIL:].strip()))
    metadata = {
        "databricks_run": dg.MetadataValue.url(handle.url),
        "databricks_state": dg.MetadataValue.text(f"{ending}: {state.message}" if state.message else ending),
        "remote_traceback": _block(error[-TRACEBACK_TAIL:]),
        "log_tail": _block(log[-LOG_TAIL:]),
    }
    failure = dg.Failure("\n".join(lines), metadata=metadata, allow_retries=False)
    damaged = DAMAGED_CODE in error
    return Explanation(failure, damaged or _is_infrastructure(loss))


def _output(workspace: Workspace, state: RunState) -> tuple[str, str]:
    """The task's error and the tail of its log, when Databricks gives them: the loss is explained without, too."""
    if not state.task_run_id:
        return "", ""
    try:
        return workspace.output(state.task_run_id)
    except call_errors():
        return "", ""


def _is_infrastructure(loss: Loss) -> bool:
    """Whether the same step may well succeed on another cluster: not when a person, a limit or the request ended it."""
    state = loss.state
    if state.result in CANCELLED:
        return bool(loss.handle.ended_for)
    by_request = state.pending or state.cause == "CLIENT_ERROR" or state.code == "RUN_EXECUTION_ERROR"
    return loss.begun or loss.untaken or not by_request


def _advice(loss: Loss) -> str:
    state = loss.state
    if loss.handle.ended_for:
        return f"It was ended because an earlier attempt of {loss.handle.ended_for}, which ran in it too, did not end."
    if state.result in CANCELLED:
        return CANCELLED[state.result]
    if state.pending:
        return NOT_STARTED
    if not state.task_ended or (loss.begun and state.result == "SUCCESS"):
        return f"The step ended there, but its message {loss.next_message} never came."
    return _advice_on_end(loss)


def _advice_on_end(loss: Loss) -> str:
    if loss.begun:
        return "The process was killed or its cluster was lost; when it was memory, give the asset larger nodes."
    if loss.state.result == "SUCCESS":
        return "Its worker left before it took the step: raise the compute's idle_s."
    if loss.untaken:
        return (
            "Its worker was lost before it took the step, as others were: see which of the steps beside it kills them."
        )
    return "It ended before the step began: see the error of the run's start below."


def _block(text: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"```\n{text}\n```" if text else "(none)")
