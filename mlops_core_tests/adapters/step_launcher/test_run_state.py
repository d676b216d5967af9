"""Which words of the Jobs API mean that a run waits, goes on, or has ended, and how."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service import jobs

from mlops_core.adapters.step_launcher.run_state import RunState


def status(state: str, code: str = "", cause: str = "", message: str = "") -> dict[str, Any]:
    details = {"code": code, "type": cause, "message": message} if code else None
    return {"status": {"state": state, "termination_details": details}}


def old(life: str, result: str | None = None) -> dict[str, Any]:
    return {"state": {"life_cycle_state": life, "result_state": result, "state_message": "in the old words"}}


@pytest.mark.parametrize(
    ("told", "pending", "task_ended", "ended", "result"),
    [
        (status("RUNNING"), False, False, False, ""),
        (status("QUEUED"), True, False, False, ""),
        (status("WAITING"), True, False, False, ""),
        (status("TERMINATING", "RUN_EXECUTION_ERROR"), False, True, False, "FAILED"),
        (status("TERMINATED", "SUCCESS"), False, True, True, "SUCCESS"),
        (status("TERMINATED", "SUCCESS_WITH_FAILURES"), False, True, True, "SUCCESS"),
        (status("TERMINATED", "USER_CANCELED", "SUCCESS"), False, True, True, "CANCELED"),
        (status("TERMINATED", "CANCELED", "CLIENT_ERROR"), False, True, True, "TIMEDOUT"),
        (status("TERMINATED", "CANCELED") | old("TERMINATED", "CANCELED"), False, True, True, "CANCELED"),
        (status("TERMINATED", "A_CODE_OF_TOMORROW"), False, True, True, "FAILED"),
        (status("RUNNING") | old("PENDING"), False, False, False, ""),  # the newer words count
        (status("A_WORD_OF_TOMORROW"), False, False, False, ""),
        (status("A_WORD_OF_TOMORROW", "SUCCESS") | {"end_time": 5}, False, True, True, "SUCCESS"),
        (old("PENDING"), True, False, False, ""),
        (old("TERMINATED", "TIMEDOUT"), False, True, True, "TIMEDOUT"),
        (old("INTERNAL_ERROR", "FAILED"), False, True, True, "FAILED"),
        ({}, False, False, False, ""),
        ({"status": None, "state": None, "tasks": None}, False, False, False, ""),
    ],
)
def test_words(told: dict[str, Any], pending: bool, task_ended: bool, ended: bool, result: str) -> None:
    state = RunState.of(told)
    assert (state.pending, state.task_ended, state.ended, state.result) == (pending, task_ended, ended, result)


def test_every_word_of_the_sdk_is_known() -> None:
    """Each life cycle waits, runs or ends, as its documentation has it."""
    waits = {"BLOCKED", "PENDING", "QUEUED", "WAITING", "WAITING_FOR_RETRY"}
    ends = {"TERMINATED", "INTERNAL_ERROR", "SKIPPED"}
    for word in {one.value for one in (*jobs.RunLifecycleStateV2State, *jobs.RunLifeCycleState)}:
        state = RunState.of({**status(word), "end_time": 5})
        assert (state.pending, state.ended) == (word in waits, word in ends)


def test_the_message_is_the_newest_there_is() -> None:
    waiting = {"state": "QUEUED", "queue_details": {"code": "ACTIVE_RUNS_LIMIT_REACHED", "message": "too many runs"}}
    assert RunState.of({"status": waiting}).message == "too many runs"
    assert RunState.of(status("TERMINATED", "CLOUD_FAILURE", message="no machine") | old("TERMINATED")).message == (
        "no machine"
    )
    assert RunState.of(old("PENDING")).message == "in the old words"


def test_a_run_took_as_long_as_databricks_says() -> None:
    assert RunState.of({"start_time": 1_000, "end_time": 61_000}).seconds == 60.0
    phases = {"setup_duration": 5_000, "execution_duration": 20_000}
    assert RunState.of({"start_time": 1_000, "end_time": 0, "tasks": [phases]}).seconds == 25.0
    assert RunState.of({}).seconds == 0.0
