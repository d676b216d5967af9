"""Termination, loss, retries and reattachment: the data is written once, and nothing keeps running."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run_iterator

from mlops_core.adapters.step_launcher.protocol import Message
from mlops_core_tests.adapters.step_launcher import workbench as workbench_module
from mlops_core_tests.adapters.step_launcher.workbench import VOLUME, Workbench, materialize, sample_job


@contextmanager
def when(reached: Callable[[], object], act: Callable[[], object], seconds: float = 40.0) -> Iterator[None]:
    """Do something, from another thread, as soon as a condition holds."""

    def watch() -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if reached():
                act()
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join()


@contextmanager
def a_host(folder: Path, *assets: str, job: str = "__ASSET_JOB") -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs assets on the instance in `folder`; killed with its children, as a pod is, at the end."""
    command = [sys.executable, workbench_module.__file__, str(folder), job, *assets]
    quiet = subprocess.DEVNULL
    host = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield host
    finally:
        with suppress(ProcessLookupError):
            os.killpg(host.pid, signal.SIGKILL)
        host.wait()


def wait_for(reached: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def terminate(bench: Workbench) -> Callable[[], None]:
    """What happens when someone terminates the newest run in the UI."""

    def interrupt() -> None:
        bench.instance.report_run_canceling(run_of(bench))
        os.kill(os.getpid(), signal.SIGINT)

    return interrupt


def run_of(bench: Workbench) -> dg.DagsterRun:
    return bench.instance.get_runs(limit=1)[0]


def pid_of(bench: Workbench, step: str) -> int:
    """The process of the host that follows a step, in a run with a process for each."""
    started = dg.DagsterEventType.STEP_WORKER_STARTED
    entries = bench.instance.all_logs(run_of(bench).run_id, of_type=started)
    event = next(entry.dagster_event for entry in entries if entry.step_key == step)
    return int(event.engine_event_data.metadata["pid"].value)


def kinds(bench: Workbench, run_id: str, step: str) -> list[str]:
    entries = bench.instance.all_logs(run_id)
    return [entry.dagster_event.event_type_value for entry in entries if entry.dagster_event and entry.step_key == step]


def test_terminating_the_run_cancels_the_databricks_run_within_seconds(workbench: Workbench) -> None:
    refused_once = workbench.emulator.fail("POST", "runs/cancel", 500)
    with when(lambda: workbench.notes("slow"), terminate(workbench)):
        assert not workbench.materialize("slow").success
    assert refused_once.hits == 1
    started = time.monotonic()
    workbench.emulator.wait_until_idle()
    assert time.monotonic() - started < 5
    assert workbench.emulator.runs[0].outcome.result.value == "CANCELED"
    assert workbench.notes("slow_end") == []
    assert run_of(workbench).status == dg.DagsterRunStatus.CANCELED


def test_a_run_that_was_ended_without_its_process_is_cancelled_on_databricks(workbench: Workbench) -> None:
    """By force, when the process of the run cannot be reached: that goes on to follow its step."""
    with when(lambda: workbench.notes("slow"), lambda: workbench.instance.report_run_canceled(run_of(workbench))):
        result = workbench.materialize("slow")
    assert not result.success
    workbench.emulator.wait_until_idle()
    assert workbench.emulator.runs[0].outcome.result.value == "CANCELED"
    assert workbench.notes("slow_end") == []
    assert "was ended (CANCELED) while its process went on" in workbench.texts(result)


@pytest.mark.slow
def test_terminating_while_submitting_cancels_what_was_submitted(workbench: Workbench) -> None:
    """The reply is lost, or the submit itself comes late: after the one that finds out what there is to cancel."""
    for number, trouble in enumerate(({"lose_reply": True, "times": 3, "delay": 0.2}, {"delay": 3.0}), start=1):
        fault = workbench.emulator.fail("POST", "runs/submit", **trouble)
        with when(lambda fault=fault: fault.hits, terminate(workbench)):
            assert not workbench.materialize("slow").success
        assert run_of(workbench).status == dg.DagsterRunStatus.CANCELED
        time.sleep(trouble["delay"])  # what was on its way has come
        workbench.emulator.wait_until_idle()
        assert len(workbench.emulator.runs) == number
        assert {run.outcome.result.value for run in workbench.emulator.runs} == {"CANCELED"}
    assert workbench.notes("slow_end") == []


@pytest.mark.slow
def test_a_cluster_that_is_lost_when_the_step_has_just_ended_costs_it_nothing(workbench: Workbench) -> None:
    def ended() -> bool:
        """Its resource takes three seconds to close: until then, its last message does not come."""
        messages = workbench.emulator.storage.volume_path(f"{VOLUME}/runs").glob("*/steps/*/a0/m-*.gz")
        return any(
            "STEP_SUCCESS" in event for file in messages for event in Message.from_bytes(file.read_bytes()).events
        )

    with when(ended, lambda: workbench.emulator.lose_cluster(workbench.emulator.runs[0])):
        result = workbench.materialize("ended_before_its_resource")
    assert result.success
    assert workbench.emulator.runs[0].outcome.code.value == "CLOUD_FAILURE"
    assert len(workbench.notes("ended_before_its_resource")) == len(workbench.emulator.runs) == 1
    found = kinds(workbench, result.run_id, "ended_before_its_resource")
    assert [found.count(kind) for kind in ("ASSET_MATERIALIZATION", "STEP_SUCCESS", "STEP_UP_FOR_RETRY")] == [1, 1, 0]


@pytest.mark.slow
def test_when_cancelling_fails_the_removed_lease_ends_the_cluster(workbench: Workbench) -> None:
    workbench.emulator.fail("POST", "runs/cancel", status=500, times=None)
    with when(lambda: workbench.notes("slow"), terminate(workbench)):
        assert not workbench.materialize("slow").success
    workbench.emulator.wait_until_idle(30)
    assert workbench.notes("slow_end") == []
    assert "could not be asked to cancel" in "\n".join(
        entry.user_message for entry in workbench.instance.all_logs(run_of(workbench).run_id)
    )


@pytest.mark.slow
def test_a_process_that_dies_again_fails_with_its_cause(workbench: Workbench) -> None:
    refused_once = workbench.emulator.fail("GET", "runs/get-output", 500)
    result = workbench.materialize("killed")
    assert not result.success
    assert refused_once.hits == 1
    assert len(workbench.notes("killed")) == 2
    error = workbench.texts(result)
    assert "The process was killed or its cluster was lost" in error
    assert "larger nodes" in error
    [failure] = workbench.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    told = failure.dagster_event.step_failure_data.user_failure_data.metadata
    assert "this was the last line" in told["log_tail"].value
    assert "Workload failed, see run output for details" in told["databricks_state"].value
    assert "The Python kernel is unresponsive" in told["remote_traceback"].value


@pytest.mark.slow
def test_a_spot_eviction_is_retried_and_a_user_error_after_it_has_all_its_retries(workbench: Workbench) -> None:
    lose = lambda: workbench.emulator.lose_cluster(workbench.emulator.runs[0])  # noqa: E731
    with when(lambda: workbench.notes("unlucky"), lose):
        result = workbench.materialize("unlucky")
    assert result.success
    assert sorted(workbench.notes("unlucky")) == ["0", "0", "1"]  # evicted, then an error of its own, then its retry
    assert len(workbench.emulator.runs) == 2


@pytest.mark.slow
def test_terminating_a_run_of_several_processes_ends_all_of_its_steps(workbench: Workbench) -> None:
    both = lambda: workbench.notes("pausing") and workbench.notes("pausing_too")  # noqa: E731
    with when(both, terminate(workbench)):
        assert not materialize(workbench.instance, job="two_at_once").success
    workbench.emulator.wait_until_idle(5)
    assert [run.outcome.result.value for run in workbench.emulator.runs] == ["CANCELED"]
    assert workbench.notes("pausing_end") == workbench.notes("pausing_too_end") == []
    assert run_of(workbench).status == dg.DagsterRunStatus.CANCELED


@pytest.mark.slow
def test_terminating_several_processes_while_they_submit_leaves_nothing(workbench: Workbench) -> None:
    fault = workbench.emulator.fail("POST", "runs/submit", lose_reply=True, times=6, delay=0.2)
    with when(lambda: fault.hits > 1, terminate(workbench)):
        assert not materialize(workbench.instance, job="two_at_once").success
    workbench.emulator.wait_until_idle()
    assert len(workbench.emulator.runs) == 1
    assert workbench.notes("pausing_end") == workbench.notes("pausing_too_end") == []


@pytest.mark.slow
def test_a_run_of_several_processes_that_is_killed_and_resumed_reattaches(workbench: Workbench, tmp_path: Path) -> None:
    workbench.compute(idle_s=120.0)
    with a_host(tmp_path, job="two_at_once"):
        wait_for(lambda: workbench.notes("pausing") and workbench.notes("pausing_too"))
    list(
        execute_run_iterator(sample_job("two_at_once"), run_of(workbench), workbench.instance, resume_from_failure=True)
    )
    assert run_of(workbench).status == dg.DagsterRunStatus.SUCCESS
    assert len(workbench.emulator.runs) == 1
    for step in ("pausing", "pausing_too"):
        assert len(workbench.notes(step)) == len(workbench.notes(f"{step}_end")) == 1
        assert kinds(workbench, run_of(workbench).run_id, step).count("ASSET_MATERIALIZATION") == 1


@pytest.mark.slow
def test_two_steps_at_once_share_a_worker(workbench: Workbench) -> None:
    result = materialize(workbench.instance, job="two_at_once")
    assert result.success
    assert len(workbench.emulator.runs) == 1
    starts = [
        entry.timestamp
        for entry in workbench.instance.all_logs(result.run_id)
        if entry.dagster_event and entry.dagster_event.is_step_start
    ]
    ends = [
        entry.timestamp
        for entry in workbench.instance.all_logs(result.run_id)
        if entry.dagster_event and entry.dagster_event.is_step_success
    ]
    assert max(starts) < min(ends)


@pytest.mark.slow
def test_a_step_worker_that_is_killed_is_retried_after_its_attempt_has_ended(workbench: Workbench) -> None:
    def kill_children() -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    with when(lambda: workbench.notes("patient"), kill_children):
        result = materialize(workbench.instance, job="one_in_a_child")
    assert result.success
    assert len(workbench.notes("patient")) == 2
    assert len(workbench.notes("patient_end")) == 1  # the first attempt was ended before it wrote again
    assert kinds(workbench, result.run_id, "patient").count("STEP_UP_FOR_RETRY") == 1


@pytest.mark.slow
def test_a_retry_takes_over_what_had_succeeded_when_its_step_worker_was_killed(workbench: Workbench) -> None:
    workbench.emulator.delay_task_files(600)  # the host is killed while the success is on its way

    def kill_children() -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
        workbench.emulator.delay_task_files(0)

    with when(lambda: workbench.notes("brief"), kill_children):
        result = materialize(workbench.instance, job="brief_in_a_child")
    assert result.success
    assert len(workbench.notes("brief")) == 1
    found = kinds(workbench, result.run_id, "brief")
    assert found.count("STEP_UP_FOR_RETRY") == 1
    assert found.count("ASSET_MATERIALIZATION") == 1
    assert "taking over its result" in workbench.texts(result)


@pytest.mark.slow
def test_a_run_worker_that_is_killed_and_resumed_reattaches(workbench: Workbench, tmp_path: Path) -> None:
    with a_host(tmp_path, "pausing"):
        wait_for(lambda: workbench.notes("pausing"))
    run = run_of(workbench)
    job = sample_job().get_subset(asset_selection={dg.AssetKey("pausing")})
    list(execute_run_iterator(job, run, workbench.instance, resume_from_failure=True))
    assert run_of(workbench).status == dg.DagsterRunStatus.SUCCESS
    assert len(workbench.emulator.runs) == 1
    assert len(workbench.notes("pausing")) == 1
    assert len(workbench.notes("pausing_end")) == 1
    found = kinds(workbench, run.run_id, "pausing")
    assert found.count("STEP_START") == 1
    assert found.count("ASSET_MATERIALIZATION") == 1
    assert found.count("STEP_SUCCESS") == 1


@pytest.mark.slow
def test_a_run_that_repeats_another_ends_what_that_has_on_databricks(workbench: Workbench, tmp_path: Path) -> None:
    with a_host(tmp_path, "slow_once"):
        wait_for(lambda: workbench.notes("slow_once"))
    lost = run_of(workbench)
    workbench.instance.report_run_failed(lost)
    result = dg.execute_job(sample_job(), workbench.instance, reexecution_options=dg.ReexecutionOptions(lost.run_id))
    assert result.success
    assert result.dagster_run.parent_run_id == lost.run_id
    first, second = workbench.emulator.runs
    assert first.outcome.result.value == "CANCELED"
    assert first.moments.ended < second.moments.running
    assert len(workbench.notes("slow_once_end")) == 1


@pytest.mark.slow
def test_a_cluster_whose_host_is_gone_ends(workbench: Workbench, tmp_path: Path) -> None:
    workbench.timing(lease_s=4.0, outage_s=3.0)
    with a_host(tmp_path, "slow"):
        wait_for(lambda: workbench.notes("slow"))
    workbench.emulator.wait_until_idle(15)
    assert workbench.notes("slow_end") == []
    assert "was not renewed" in workbench.emulator.task_log(workbench.emulator.runs[0])


@pytest.mark.slow
def test_teardown_ends_a_run_that_still_works(workbench: Workbench, tmp_path: Path) -> None:
    with a_host(tmp_path, "heavy_and_slow"):
        wait_for(lambda: workbench.notes("heavy_and_slow"))
    report = workbench.launcher.tear_down(workbench.instance, run_of(workbench))
    assert report.cancelled == (workbench.emulator.runs[0].run_id,)
    assert not workbench.emulator.active_runs
    assert not workbench.left_staged()
