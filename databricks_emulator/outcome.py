"""How a run may end, in the words of the Jobs API."""

from __future__ import annotations

from dataclasses import dataclass

from databricks.sdk.service.jobs import (
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    RunState,
    RunStatus,
    TerminationCodeCode,
    TerminationDetails,
    TerminationTypeType,
)

Life = RunLifeCycleState
IN_V2 = {
    Life.QUEUED: RunLifecycleStateV2State.QUEUED,
    Life.PENDING: RunLifecycleStateV2State.PENDING,
    Life.RUNNING: RunLifecycleStateV2State.RUNNING,
    Life.TERMINATING: RunLifecycleStateV2State.TERMINATING,
}


@dataclass(frozen=True)
class Outcome:
    """The end of a task; `error` and `error_trace` are what `runs/get-output` shows."""

    result: RunResultState
    code: TerminationCodeCode
    type: TerminationTypeType
    message: str = ""
    life: RunLifeCycleState = Life.TERMINATED
    error: str | None = None
    error_trace: str | None = None

    @property
    def was_stopped(self) -> bool:
        return self.result in (RunResultState.CANCELED, RunResultState.TIMEDOUT)


SUCCESS = Outcome(RunResultState.SUCCESS, TerminationCodeCode.SUCCESS, TerminationTypeType.SUCCESS)
CANCELED = Outcome(
    RunResultState.CANCELED, TerminationCodeCode.USER_CANCELED, TerminationTypeType.SUCCESS, "Run cancelled."
)
TIMED_OUT = Outcome(
    RunResultState.TIMEDOUT, TerminationCodeCode.CANCELED, TerminationTypeType.CLIENT_ERROR, "Run timed out."
)


def failed(error: str, trace: str) -> Outcome:
    """The task's code raised."""
    return _failure(
        TerminationCodeCode.RUN_EXECUTION_ERROR, "Workload failed, see run output for details", error, trace
    )


def killed(signal: int) -> Outcome:
    """The task's process died: out of memory, or `kill -9`."""
    error = f"Fatal error: The Python kernel is unresponsive. (exit code {128 + signal})"
    return _failure(TerminationCodeCode.RUN_EXECUTION_ERROR, "Workload failed, see run output for details", error, "")


def not_installed(libraries: str, reason: str) -> Outcome:
    message = f"Library installation failed for library due to user error for {libraries}. Error messages:\n{reason}"
    return _broken(TerminationCodeCode.LIBRARY_INSTALLATION_ERROR, TerminationTypeType.CLIENT_ERROR, message)


def no_python_file(path: str) -> Outcome:
    message = f"Cannot read the python file {path}. Please check driver logs for more details."
    return _broken(TerminationCodeCode.RESOURCE_NOT_FOUND, TerminationTypeType.CLIENT_ERROR, message)


def internal_error(message: str) -> Outcome:
    return _broken(TerminationCodeCode.INTERNAL_ERROR, TerminationTypeType.INTERNAL_ERROR, message)


def invalid_cluster(message: str) -> Outcome:
    return _broken(TerminationCodeCode.INVALID_CLUSTER_REQUEST, TerminationTypeType.CLIENT_ERROR, message)


def cluster_lost(cluster: str, reason: str) -> Outcome:
    """The cloud took the machine away, as it does with spot instances."""
    message = f"Cluster '{cluster}' was terminated. Reason: {reason} (CLOUD_FAILURE)."
    return _broken(TerminationCodeCode.CLOUD_FAILURE, TerminationTypeType.CLOUD_FAILURE, message)


def _failure(code: TerminationCodeCode, message: str, error: str, trace: str) -> Outcome:
    kind = TerminationTypeType.CLIENT_ERROR
    return Outcome(RunResultState.FAILED, code, kind, message, error=error, error_trace=trace)


def _broken(code: TerminationCodeCode, kind: TerminationTypeType, message: str) -> Outcome:
    return Outcome(RunResultState.FAILED, code, kind, message, Life.INTERNAL_ERROR, error=message)


def task_state(life: RunLifeCycleState, outcome: Outcome | None, message: str = "") -> RunState:
    """The state of a task; `message` is shown as long as it has no outcome."""
    if outcome is None:
        return RunState(life_cycle_state=life, state_message=message, user_cancelled_or_timedout=False)
    return RunState(
        life_cycle_state=outcome.life,
        result_state=outcome.result,
        state_message=outcome.message,
        user_cancelled_or_timedout=outcome.was_stopped,
    )


def run_state(task_key: str, life: RunLifeCycleState, outcome: Outcome | None, message: str = "") -> RunState:
    """The state of the run around its task: a failed task makes its run an INTERNAL_ERROR."""
    state = task_state(life, outcome, message)
    if outcome and outcome.result is RunResultState.FAILED:
        state.life_cycle_state = Life.INTERNAL_ERROR
        state.state_message = f"Task {task_key} failed with message: {outcome.message}."
    return state


def status(life: RunLifeCycleState, outcome: Outcome | None, message: str | None) -> RunStatus:
    if outcome is None:
        return RunStatus(state=IN_V2[life])
    details = TerminationDetails(code=outcome.code, message=message, type=outcome.type)
    return RunStatus(state=RunLifecycleStateV2State.TERMINATED, termination_details=details)
