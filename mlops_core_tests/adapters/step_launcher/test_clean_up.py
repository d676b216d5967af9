"""Retention: what no teardown removed goes when nothing has touched it for days, and nothing that is still used."""

from __future__ import annotations

import io
import json
import logging
import os
import time
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_core.adapters.step_launcher import staging, workspace
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.staging import CodeStage
from mlops_core_tests.adapters.step_launcher.conftest import opened
from mlops_core_tests.adapters.step_launcher.test_survival import a_host, wait_for
from mlops_core_tests.adapters.step_launcher.workbench import VOLUME, Workbench

DAY_S = 86_400
FORGOTTEN = 404_404
LOG = logging.getLogger(__name__)


def put(bench: Workbench, name: str, days: float = 0.0, content: bytes = b"x") -> None:
    """A file on the staging volume that nothing has touched for so many days."""
    files = bench.launcher._clients.get().files
    files.create_directory(f"{VOLUME}/{name}".rsplit("/", 1)[0])
    files.upload(f"{VOLUME}/{name}", io.BytesIO(content))
    then = time.time() - days * DAY_S
    os.utime(bench.emulator.storage.volume_path(f"{VOLUME}/{name}"), (then, then))


def left(bench: Workbench) -> list[str]:
    return [path.removeprefix(f"{VOLUME}/") for path in bench.emulator.staged() if not path.endswith("/")]


@pytest.mark.parametrize("days_ahead", [30, -30])
def test_old_runs_and_old_code_go_and_young_ones_stay_whatever_time_it_is_here(tmp_path: Path, days_ahead: int) -> None:
    with opened(tmp_path, clock_ahead=days_ahead * DAY_S) as bench:
        for name in ("runs/old/lease", "runs/young/lease", "code/old.zip", "code/young.zip"):
            put(bench, name, days=8 if "old" in name else 0)

        assert bench.launcher.tear_down_ended(bench.instance).torn_down.keys() == {"old"}
        put(bench, "runs/old/lease", days=8)
        assert bench.launcher.clean_up(older_than_days=7) == ["old", "old.zip"]
        assert left(bench) == ["code/young.zip", "runs/young/lease"]
        bench.launcher.workspace().remove_tree(f"{VOLUME}/runs/young")


def test_a_run_that_databricks_has_deleted_and_one_that_can_not_be_removed_keep_no_other(workbench: Workbench) -> None:
    handle = RunHandle(FORGOTTEN, "https://adb.example/run", {}, f"{VOLUME}/runs/forgotten/workers/w-g0")
    put(workbench, "runs/forgotten/databricks_runs/w-g0", days=8, content=handle.to_bytes())
    put(workbench, "runs/fragile/lease", days=8)
    put(workbench, "runs/other/lease", days=8)
    put(workbench, "runs/newer/databricks_runs/w-g0", days=8, content=_of_a_newer_version(handle))
    workbench.emulator.fail("DELETE", "fragile/lease", 403)

    assert workbench.launcher.clean_up(older_than_days=7) == ["forgotten", "newer", "other"]
    assert left(workbench) == ["runs/fragile/lease"]
    assert workbench.launcher.clean_up(older_than_days=7) == ["fragile"]


def test_what_is_no_runs_and_no_code_is_left_alone_and_not_called_removed(workbench: Workbench) -> None:
    foreign = ["code/folder/x", "notes/x", "runs/notes.txt"]
    for name in foreign:
        put(workbench, name, days=8)
    swept = workbench.launcher.tear_down_ended(workbench.instance)
    assert (swept.failed, workbench.launcher.clean_up(older_than_days=7)) == ({}, [])
    assert left(workbench) == foreign
    workbench.emulator.storage.volume_path(f"{VOLUME}/runs/notes.txt").unlink()


def test_what_is_too_much_to_remove_at_once_is_removed_by_and_by_and_the_handles_last(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ["databricks_runs/w-g0", *(f"steps/s/a0/m-{number:05d}.json.gz" for number in range(40))]
    for name in files:
        put(workbench, f"runs/long/{name}")
    with monkeypatch.context() as patched:
        seconds = cycle((0, 0, 99))  # at its start, before the first files, before the next ones
        patched.setattr(workspace, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
        for number in (1, 2):
            with pytest.raises(TimeoutError, match="too many to remove"):
                workbench.launcher.workspace().remove_tree(f"{VOLUME}/runs/long")
            assert len(left(workbench)) == len(files) - number * workspace.REMOVED_AT_ONCE
    assert left(workbench)[0] == "runs/long/databricks_runs/w-g0"
    workbench.launcher.workspace().remove_tree(f"{VOLUME}/runs/long")
    assert left(workbench) == []


def _of_a_newer_version(handle: RunHandle) -> bytes:
    return json.dumps({**json.loads(handle.to_bytes()), "spot": True}).encode()


@pytest.mark.slow
def test_a_run_that_goes_on_is_left_alone(workbench: Workbench, tmp_path: Path) -> None:
    with a_host(tmp_path, "slow") as host:
        wait_for(lambda: workbench.notes("slow"))
        assert workbench.launcher.clean_up(older_than_days=7) == []
        assert workbench.emulator.active_runs
        assert any(path.endswith("/lease") for path in left(workbench))
        host.kill()


def test_code_that_is_used_again_is_not_taken_for_old(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    place = workbench.launcher.workspace()
    staged = CodeStage(workbench.settings).ensure(place, LOG)
    code, note = staged.code.removeprefix(f"{VOLUME}/"), staged.code.removeprefix(f"{VOLUME}/").replace(".zip", ".json")
    assert CodeStage(workbench.settings).ensure(place, LOG) == staged  # not noted twice a day
    for name in (code, note):
        then = time.time() - 8 * DAY_S
        os.utime(workbench.emulator.storage.volume_path(f"{VOLUME}/{name}"), (then, then))
    monkeypatch.setattr(staging, "DAY_S", 0.0)

    CodeStage(workbench.settings).ensure(place, LOG)

    assert workbench.launcher.clean_up(older_than_days=7) == []
    assert left(workbench) == [note, code]
    assert json.loads(place.get(f"{VOLUME}/{note}"))["used_at"] > staged.used_at
