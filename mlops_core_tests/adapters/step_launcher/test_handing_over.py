"""Which worker gets a step: no dead one twice, no new one without end, none for the price of another step's."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace

import pytest

from mlops_core.adapters.step_launcher import dispatch, launch
from mlops_core_tests.adapters.step_launcher.test_faults import error_of
from mlops_core_tests.adapters.step_launcher.test_survival import pid_of, when
from mlops_core_tests.adapters.step_launcher.workbench import Workbench, materialize


def test_a_worker_that_can_not_start_is_started_once_though_the_hosts_clock_is_ahead(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "time", SimpleNamespace(time=lambda: time.time() + 3600))
    workbench.configure(requirements=("dagster==0.1.0",))
    result = workbench.materialize("numbers")
    assert not result.success
    assert "dagster==0.1.0" in error_of(workbench, result)
    assert len(workbench.emulator.runs) == 1


@pytest.mark.slow
def test_workers_that_leave_before_they_take_the_step_are_replaced_twice_at_most(workbench: Workbench) -> None:
    workbench.configure(infrastructure_retries=0)
    workbench.compute(idle_s=0.0)
    workbench.emulator.fail("PUT", "/requests/", delay=3.0, times=None)
    result = workbench.materialize("numbers")
    assert not result.success
    assert "raise the compute's idle_s" in error_of(workbench, result)
    assert len(workbench.emulator.runs) == 1 + launch.MOST_HAND_OVERS


def test_a_retry_does_not_ask_the_worker_that_was_lost(workbench: Workbench) -> None:
    workbench.emulator.fail("GET", "runs/get-output", 400)  # the loss is explained, and retried, without
    result = workbench.materialize("killed_once")
    assert result.success
    assert len(workbench.emulator.runs) == 2
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
    assert "Databricks refused to start compute of the kind job for refused: Invalid spark version" in error
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
