"""Every run that has ended is torn down in the end, whatever failed before."""

from __future__ import annotations

import os
import time
from itertools import cycle
from types import SimpleNamespace

import dagster as dg
import pytest

from mlops_core.adapters.step_launcher import ending, sweep
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.config import load_target
from mlops_core.defs.databricks_upkeep import upkeep_sensors
from mlops_core_tests.adapters.step_launcher.workbench import VOLUME, Workbench
from my_mlops_stacks.project import PROJECT

DAY_S = 86_400


def staged_run(bench: Workbench, status: dg.DagsterRunStatus | None, run_id: str | None = None) -> str:
    """A run of this status (None: of which Dagster knows nothing) that has left something on the volume."""
    run_id = run_id or dg.DagsterRun(job_name="job").run_id
    if status is not None:
        bench.instance.add_run(dg.DagsterRun(job_name="job", run_id=run_id, status=status))
    runs = DatabricksRuns(bench.launcher.workspace(), bench.settings, None)
    runs.renew_lease(f"{VOLUME}/runs/{run_id}")
    return run_id


def left(bench: Workbench) -> set[str]:
    return {path.split("/")[6] for path in bench.left_staged()}


def test_the_sensor_tries_again_what_failed_and_the_rest_at_once(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TARGET", "staging")
    [sensor] = upkeep_sensors(PROJECT, load_target(PROJECT, "staging"))
    first = staged_run(workbench, dg.DagsterRunStatus.FAILURE)
    staged_run(workbench, dg.DagsterRunStatus.FAILURE)
    active = staged_run(workbench, dg.DagsterRunStatus.STARTED)
    workbench.emulator.fail("DELETE", f"{first}/lease", 403)

    cursor, said = None, []
    for _ in range(2):
        with dg.build_sensor_context(workbench.instance, cursor=cursor) as context:
            tick = sensor.evaluate_tick(context)
        cursor = tick.cursor
        said.append(tick.skip_message)
        if len(said) == 1:
            assert left(workbench) == {first, active}

    assert said[0].startswith(f"1 runs were torn down; {first} could not be: ")
    assert said[1] == "1 runs were torn down"
    assert left(workbench) == {active}
    workbench.instance.report_run_failed(workbench.instance.get_run_by_id(active))


NO_HANDLES = (
    b"",
    b'{"run_id": 40',
    b"[1]",
    b"[" * 100_000,
    b"\xff",
    b'{"job": 7, "url": "https://adb.example"}',
    *(
        b'{"url": "https://adb.example", "nodes": {}, "run_id": %s}' % number
        for number in (b"true", b"-5", b"0", b"9" * 30)
    ),
)


def test_handles_that_are_half_written_or_foreign_keep_no_run_from_teardown(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(ending, "time", SimpleNamespace(sleep=waited.append))
    broken, other = (staged_run(workbench, dg.DagsterRunStatus.FAILURE) for _ in range(2))
    handles = [f"{VOLUME}/runs/{broken}/databricks_runs/w-g{number}" for number in range(len(NO_HANDLES))]
    for handle, content in zip(handles, NO_HANDLES, strict=True):
        workbench.launcher.workspace().put(handle, content)
    (workbench.emulator.storage.volume_path(f"{VOLUME}/runs/stray.txt")).write_text("no folder of a run")

    swept = workbench.launcher.tear_down_ended(workbench.instance)

    assert set(swept.torn_down) == {broken, other}
    assert swept.failed == {}
    assert all(f"{handle} is half written or foreign" in caplog.text for handle in handles)
    assert waited == [ending.LEASE_NOTICED_S]  # what they stood for has ended by then
    workbench.emulator.storage.volume_path(f"{VOLUME}/runs/stray.txt").unlink()
    assert left(workbench) == set()


def test_a_run_that_dagster_does_not_know_is_left_alone_for_a_day(workbench: Workbench) -> None:
    young, old = staged_run(workbench, None, "young"), staged_run(workbench, None, "old")
    then = time.time() - 2 * DAY_S
    os.utime(workbench.emulator.storage.volume_path(f"{VOLUME}/runs/{old}/lease"), (then, then))
    swept = workbench.launcher.tear_down_ended(workbench.instance)
    assert list(swept.torn_down) == [old]
    assert left(workbench) == {young}
    workbench.launcher.workspace().remove_tree(f"{VOLUME}/runs/{young}")


def test_a_sweep_that_has_no_time_left_goes_on_where_it_stopped(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(staged_run(workbench, dg.DagsterRunStatus.SUCCESS) for _ in range(3))
    monkeypatch.setattr(sweep, "WITHIN_S", 0.0)
    seconds = cycle((0, 0, 1))  # at its start, before the first run, before the second
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    torn_down: list[str] = []
    last = names[0]
    for _ in names:
        swept = workbench.launcher.tear_down_ended(workbench.instance, last)
        last = swept.last
        torn_down += swept.torn_down
    assert torn_down == [*names[1:], names[0]]
