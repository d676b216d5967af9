"""What goes wrong between host, workspace and cluster: the run goes on, or fails with cause and fix."""

from __future__ import annotations

import time
from pathlib import Path

import dagster as dg
import pytest

from mlops_core_tests.adapters.step_launcher.conftest import opened
from mlops_core_tests.adapters.step_launcher.test_survival import when
from mlops_core_tests.adapters.step_launcher.workbench import Workbench

CALLS = {  # every kind of call that a step makes which ends well, and its teardown
    "read_code": ("GET", "/fs/files/.*/code/"),
    "who_am_i": ("GET", "scim"),
    "make_folder": ("POST", "workspace/mkdirs"),
    "import_main": ("POST", "workspace/import"),
    "upload": ("PUT", "/fs/files"),
    "read_messages": ("GET", "/fs/files/.*/m-"),
    "submit": ("POST", "runs/submit"),
    "state": ("GET", "runs/get"),
    "rights": ("GET", "effective-permissions"),
    "list": ("GET", "/fs/directories"),
    "remove": ("DELETE", "/fs/files"),
}


def assert_made_once(bench: Workbench, result: dg.JobExecutionResult, asset: str = "numbers") -> None:
    assert result.success
    assert len(bench.notes(asset)) == 1
    assert len(bench.emulator.runs) == 1


def error_of(bench: Workbench, result: dg.JobExecutionResult) -> str:
    failure = dg.DagsterEventType.STEP_FAILURE
    entries = bench.instance.all_logs(result.run_id, of_type=failure)
    return "\n".join(entry.dagster_event.step_failure_data.error.to_string() for entry in entries)


def test_each_kind_of_call_may_fail_once(workbench: Workbench) -> None:
    faults = [workbench.emulator.fail(*call, status=500) for call in CALLS.values()]
    assert_made_once(workbench, workbench.materialize("numbers"))
    assert all(fault.hits == 1 for fault in faults)


@pytest.mark.slow
def test_all_calls_may_fail_for_a_while(workbench: Workbench) -> None:
    """Seconds stand for the minute: what is repeated, and for how long, is a setting."""
    fault = workbench.emulator.fail(status=429, times=None, seconds=5, since_first_call=True)
    assert_made_once(workbench, workbench.materialize("numbers"))
    assert fault.hits > 1


@pytest.mark.slow
def test_every_kind_of_call_may_fail_for_a_minute(workbench: Workbench) -> None:
    """Each kind with another status, all at once, from before the launch."""
    workbench.timing(outage_s=100.0, lease_s=200.0)
    for number, call in enumerate(CALLS.values()):
        workbench.emulator.fail(*call, status=(429, 500, 503, 504)[number % 4], times=None, seconds=60)
    started = time.monotonic()
    assert_made_once(workbench, workbench.materialize("numbers"))
    assert time.monotonic() - started > 60


@pytest.mark.slow
def test_the_workspace_may_be_unreachable_for_a_minute(workbench: Workbench) -> None:
    workbench.timing(outage_s=100.0, lease_s=200.0)

    def cut() -> None:
        workbench.emulator.fail(reset=True, times=None, seconds=60)

    with when(lambda: workbench.notes("pausing"), cut):
        result = workbench.materialize("pausing")
    assert_made_once(workbench, result, "pausing")
    assert "repeating for up to 100 s" in workbench.texts(result)


@pytest.mark.slow
def test_memory_that_runs_out_in_python_fails_with_the_remote_traceback(workbench: Workbench) -> None:
    result = workbench.materialize("hungry")
    assert not result.success
    assert "MemoryError" in error_of(workbench, result)
    assert workbench.notes("hungry_end") == []


@pytest.mark.slow
def test_a_lost_reply_to_submit_starts_no_second_run(workbench: Workbench) -> None:
    fault = workbench.emulator.fail("POST", "runs/submit", lose_reply=True)
    assert_made_once(workbench, workbench.materialize("numbers"))
    assert fault.hits == 1


@pytest.mark.slow
def test_a_workspace_that_stays_unreachable_fails_the_step_and_its_lease_ends_the_cluster(workbench: Workbench) -> None:
    workbench.timing(outage_s=3.0, lease_s=8.0)

    def cut() -> None:
        workbench.emulator.fail(reset=True, times=None)

    with when(lambda: workbench.notes("slow"), cut):
        result = workbench.materialize("slow")
    assert not result.success
    assert "could not be asked to cancel" in workbench.texts(result)
    workbench.emulator.wait_until_idle(20)
    assert workbench.notes("slow_end") == []


@pytest.mark.slow
def test_an_outage_that_begins_after_the_steps_final_event_fails_nothing(workbench: Workbench) -> None:
    """Its data are written, and the run's log says so: neither the last message nor the teardown has to be reached."""
    workbench.timing(outage_s=1.5)
    succeeded = dg.DagsterEventType.STEP_SUCCESS

    def has_succeeded() -> bool:
        runs = workbench.instance.get_runs()
        return bool(runs and workbench.instance.all_logs(runs[0].run_id, of_type=succeeded))

    with when(has_succeeded, lambda: workbench.emulator.fail(reset=True, times=None)):
        result = workbench.materialize("ended_before_its_resource")
    assert_made_once(workbench, result, "ended_before_its_resource")
    assert "The step has ended, and what else it said can't be read" in workbench.texts(result)


@pytest.mark.slow
def test_an_expired_token_is_read_again(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def rotate() -> None:
        workbench.emulator.expire_tokens()
        monkeypatch.setenv("DATABRICKS_TOKEN", workbench.emulator.token)

    with when(lambda: workbench.notes("pausing"), rotate):
        result = workbench.materialize("pausing")
    assert_made_once(workbench, result, "pausing")


@pytest.mark.slow
def test_refused_credentials_fail_with_their_cause(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-wrong")
    result = workbench.materialize("numbers")
    assert not result.success
    assert "token" in error_of(workbench, result).lower()
    assert workbench.emulator.runs == []


@pytest.mark.slow
def test_messages_may_become_visible_late(workbench: Workbench) -> None:
    workbench.emulator.delay_task_files(1.5)
    assert_made_once(workbench, workbench.materialize("heavy"), "heavy")


@pytest.mark.slow
def test_the_volume_may_refuse_writes_for_seconds(workbench: Workbench) -> None:
    with when(lambda: workbench.notes("pausing"), lambda: workbench.emulator.make_volumes_unwritable(3)):
        result = workbench.materialize("pausing")
    assert result.success
    assert len(workbench.notes("pausing")) == 1


@pytest.mark.slow
def test_a_run_that_stays_terminating_has_no_result(workbench: Workbench) -> None:
    workbench.configure(infrastructure_retries=0)
    workbench.emulator.hold_terminating()
    result = workbench.materialize("killed")
    workbench.emulator.hold_terminating(False)
    assert not result.success
    assert "without a result of the step" in error_of(workbench, result)


def test_definitions_that_do_not_load_fail_with_the_remote_traceback(workbench: Workbench) -> None:
    workbench.configure(environment={**workbench.settings.environment, "SAMPLE_BROKEN": "1"})
    result = workbench.materialize("numbers")
    assert not result.success
    assert "the definitions need a package that the cluster does not have" in error_of(workbench, result)
    assert len(workbench.emulator.runs) == 1  # not taken for lost infrastructure


@pytest.mark.slow
@pytest.mark.parametrize(
    ("versions", "sentence"),
    [
        ({"python": "3.12"}, "python is 3.12.0 on the cluster but"),
        ({"mlflow": "2.22.0"}, "mlflow is 2.22.0 on the cluster but"),
        ({"pyspark": "3.5.2"}, "pyspark is 3.5.2 on the cluster but"),
        ({"dagster": "1.12.0"}, "dagster is 1.12.0 on the cluster but"),
    ],
)
def test_versions_that_differ_are_found_before_the_step_starts(
    tmp_path: Path, versions: dict[str, str], sentence: str
) -> None:
    with opened(tmp_path, versions=versions) as bench:
        bench.configure(requirements=("dagster", "mlflow", "tenacity"))  # not pinned: the cluster keeps its own
        result = bench.materialize("numbers")
        assert not result.success
        assert sentence in error_of(bench, result)
        assert bench.notes("numbers") == []


@pytest.mark.slow
def test_a_library_that_can_not_be_installed_fails_with_its_cause(workbench: Workbench) -> None:
    workbench.configure(requirements=("dagster==0.1.0",))
    result = workbench.materialize("numbers")
    assert not result.success
    assert "dagster==0.1.0" in error_of(workbench, result)
    assert len(workbench.emulator.runs) == 1


def test_a_run_that_does_not_start_in_time_is_cancelled(tmp_path: Path) -> None:
    with opened(tmp_path, classic_start=60.0, run_words=("status",)) as bench:
        bench.compute(start_timeout_s=1.0)
        result = bench.materialize("numbers")
        assert not result.success
        assert "is PENDING without a result of the step" in error_of(bench, result)
        assert "it did not start within the compute's start_timeout_s" in error_of(bench, result)
        bench.emulator.wait_until_idle(5)
        assert [run.outcome.result.value for run in bench.emulator.runs] == ["CANCELED"]


@pytest.mark.slow
def test_what_has_begun_is_followed_though_its_state_says_that_it_has_not_started(tmp_path: Path) -> None:
    with opened(tmp_path, shown_life="WAITING") as bench:
        bench.compute(start_timeout_s=1.0)
        assert_made_once(bench, bench.materialize("numbers"))


def test_a_run_cancelled_on_databricks_fails_and_is_not_retried(workbench: Workbench) -> None:
    def cancel() -> None:
        workbench.launcher._clients.get().jobs.cancel_run(workbench.emulator.runs[0].run_id)

    with when(lambda: workbench.notes("slow"), cancel):
        result = workbench.materialize("slow")
    assert not result.success
    assert "It was cancelled on Databricks" in error_of(workbench, result)
    assert len(workbench.emulator.runs) == 1


@pytest.mark.slow
def test_a_worker_that_left_because_it_was_idle_is_replaced(workbench: Workbench) -> None:
    workbench.compute(idle_s=0.0)  # it leaves between two steps
    result = workbench.materialize("numbers", "doubled")
    assert result.success
    assert len(workbench.notes("numbers")) == len(workbench.notes("doubled")) == 1
