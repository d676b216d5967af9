"""Which worker gets a step: no dead one twice, no new one without end, none for the price of another step's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mlops_core.adapters.step_launcher import launch
from mlops_core.adapters.step_launcher.dispatch import Loss
from mlops_core.adapters.step_launcher.failure import explain_loss
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core_tests.adapters.step_launcher.conftest import opened
from mlops_core_tests.adapters.step_launcher.test_faults import error_of
from mlops_core_tests.adapters.step_launcher.test_survival import kinds, pid_of, when
from mlops_core_tests.adapters.step_launcher.workbench import Workbench, materialize

HOUR_S = 3600.0


def test_a_worker_that_can_not_start_is_started_once_though_the_hosts_clock_is_ahead(tmp_path: Path) -> None:
    with opened(tmp_path, clock_ahead=-HOUR_S) as bench:
        bench.configure(requirements=("dagster==0.1.0",))
        result = bench.materialize("numbers")
        assert not result.success
        assert "dagster==0.1.0" in error_of(bench, result)
        assert len(bench.emulator.runs) == 1


def test_a_step_that_its_worker_did_not_come_to_is_given_to_the_next_though_databricks_clock_is_ahead(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, clock_ahead=HOUR_S, run_words=("status",)) as bench:
        bench.configure(infrastructure_retries=0)
        not_yet = bench.emulator.fail("PUT", "/requests/", 500, times=None)

        def kill() -> None:
            bench.emulator.kill_task(bench.emulator.runs[0])
            not_yet.times = 0

        with when(lambda: any("/workers/" in path for path in bench.emulator.staged()), kill):
            result = bench.materialize("numbers")
        assert result.success
        assert len(bench.notes("numbers")) == 1
        ends = [run.outcome.code.value for run in bench.emulator.runs]
        assert ends == ["RUN_EXECUTION_ERROR", "SUCCESS"]
        assert "STEP_UP_FOR_RETRY" not in kinds(bench, result.run_id, "numbers")


def test_a_message_that_never_came_is_named() -> None:
    """Also where the Databricks run succeeded: nobody killed that, and larger nodes help nothing."""
    missing = "/Volumes/a/b/c/runs/r/steps/s/a0/m-00003.json.gz"
    for state in (RunState("RUNNING", "", "", ""), RunState("TERMINATED", "SUCCESS", "", "")):
        loss = Loss(RunHandle(7, "https://adb.example/run", {}), state, begun=True, untaken=False, next_message=missing)
        said = str(explain_loss(None, loss).failure.description)
        assert f"The step ended there, but its message {missing} never came." in said


@pytest.mark.parametrize(
    ("told", "untaken", "infrastructure", "advice"),
    [
        (
            {"result": "FAILED", "code": "RUN_EXECUTION_ERROR"},
            True,
            True,
            "see which of the steps beside it kills them",
        ),
        ({"result": "FAILED", "code": "RUN_EXECUTION_ERROR"}, False, False, "It ended before the step began"),
        ({"result": "SUCCESS"}, True, True, "raise the compute's idle_s"),
        ({"result": "CANCELED"}, False, False, "It was cancelled on Databricks"),
    ],
)
def test_a_step_that_no_worker_came_to_is_told_why(
    told: dict[str, str], untaken: bool, infrastructure: bool, advice: str
) -> None:
    handle = RunHandle(7, "https://adb.example/run", {}, "/Volumes/a/b/c/runs/r/workers/w-g2")
    state = RunState("TERMINATED", message="", url="", **told)
    explained = explain_loss(None, Loss(handle, state, begun=False, untaken=untaken))
    assert explained.infrastructure == infrastructure
    assert advice in explained.failure.description


@pytest.mark.slow
def test_steps_behind_the_one_that_kills_their_worker_are_given_to_the_next(workbench: Workbench) -> None:
    workbench.compute(parallel_steps=1)
    for step in ("behind", "behind_too"):
        workbench.emulator.fail("PUT", f"/requests/{step}__", delay=2.0)  # after the culprit's
    result = materialize(workbench.instance, job="behind_a_culprit")
    assert not result.success
    assert len(workbench.notes("culprit")) == 2
    assert "The process was killed or its cluster was lost" in error_of(workbench, result)
    for step in ("behind", "behind_too"):
        assert len(workbench.notes(step)) == 1
        assert kinds(workbench, result.run_id, step).count("STEP_SUCCESS") == 1
        assert "STEP_UP_FOR_RETRY" not in kinds(workbench, result.run_id, step)
    assert len(workbench.emulator.runs) <= 3  # the culprit's retry may come after the others


@pytest.mark.slow
def test_workers_that_leave_before_they_take_the_step_are_replaced_twice_at_most(workbench: Workbench) -> None:
    workbench.configure(infrastructure_retries=0)
    workbench.compute(idle_s=0.0)
    workbench.emulator.fail("PUT", "/requests/", delay=3.0, times=None)
    result = workbench.materialize("numbers")
    assert not result.success
    assert "raise the compute's idle_s" in error_of(workbench, result)
    assert len(workbench.emulator.runs) == 1 + launch.MOST_HAND_OVERS


def test_a_lost_process_is_retried_once_and_on_another_worker(workbench: Workbench) -> None:
    workbench.emulator.fail("GET", "runs/get-output", 400)  # the loss is explained, and retried, without
    result = workbench.materialize("killed_once")
    assert result.success
    assert len(workbench.notes("killed_once")) == len(workbench.emulator.runs) == 2
    found = kinds(workbench, result.run_id, "killed_once")
    assert [found.count(kind) for kind in ("STEP_UP_FOR_RETRY", "ASSET_MATERIALIZATION", "STEP_SUCCESS")] == [1, 1, 1]
    handed_over = workbench.emulator.calls.matching("PUT", "/requests/.*@")
    assert handed_over == []


@pytest.mark.slow
def test_a_refused_submit_fails_its_step_alone(workbench: Workbench) -> None:
    result = materialize(workbench.instance, job="refused_beside_pausing")
    assert not result.success
    assert len(workbench.notes("pausing_too_end")) == len(workbench.notes("pausing_too")) == 1
    assert workbench.notes("refused") == []
    assert len(workbench.emulator.runs) == 1
    assert workbench.emulator.calls.count("POST", "runs/submit") == 2  # each was submitted once
    error = error_of(workbench, result)
    assert "Databricks refused to start compute of the kind job for refused: POST /api/2.2/jobs/runs/submit" in error
    assert "Invalid spark version" in error
    assert "Correct the variable compute of the target in databricks.yml" in error


@pytest.mark.slow
def test_a_step_that_fails_on_the_host_alone_is_cancelled_without_its_worker(workbench: Workbench) -> None:
    break_off = lambda: workbench.emulator.fail("GET", "/steps/pausing/a0/m-", 400)  # noqa: E731
    with when(lambda: workbench.notes("pausing"), break_off):
        result = materialize(workbench.instance, job="two_at_once")
    assert not result.success
    assert len(workbench.emulator.runs) == 1
    assert len(workbench.notes("pausing_too")) == len(workbench.notes("pausing_too_end")) == 1
    assert len(workbench.notes("pausing")) == 1
    assert workbench.notes("pausing_end") == []


@pytest.mark.slow
def test_a_step_that_dies_with_an_attempt_that_does_not_end_is_repeated(workbench: Workbench) -> None:
    workbench.timing(cancel_grace_s=2.0)
    both_begun = lambda: workbench.notes("stubborn") and workbench.notes("slow_once")  # noqa: E731
    with when(both_begun, lambda: os.kill(pid_of(workbench, "stubborn"), signal.SIGKILL)):
        result = materialize(workbench.instance, job="stubborn_beside_slow")
    assert result.success
    assert len(workbench.notes("stubborn")) == len(workbench.notes("slow_once")) == 2
    assert len(workbench.notes("slow_once_end")) == 1
    assert len(workbench.emulator.runs) == 2
    assert "an earlier attempt of stubborn, which ran in it too, did not end" in workbench.texts(result)


@pytest.mark.slow
def test_children_of_a_run_without_retries_do_not_tear_it_down(workbench: Workbench) -> None:
    workbench.compute(idle_s=120.0)
    result = materialize(workbench.instance, job="pair_without_retries")
    assert result.success
    assert len(workbench.emulator.runs) == 1
