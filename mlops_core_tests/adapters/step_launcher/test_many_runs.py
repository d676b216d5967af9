"""A backfill of sixty partitions whose runs all come at once, to a workspace that limits calls."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from databricks_emulator import Emulator
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.patient_calls import ClientSource
from mlops_core.adapters.step_launcher.run_handle import RunRequest
from mlops_core.adapters.step_launcher.settings import LauncherSettings, Timing
from mlops_core.adapters.step_launcher.staging import CodeStage
from mlops_core.adapters.step_launcher.teardown import tear_down
from mlops_core.adapters.step_launcher.workspace import Workspace
from mlops_core.config import parsed_host
from mlops_core_tests.adapters.step_launcher.workbench import VOLUME, make_settings

RUNS, CALLS_A_SECOND, CALLS_A_RUN = 60, 100, 45
logger = logging.getLogger(__name__)


def run_a_day(settings: LauncherSettings, stage: CodeStage, name: str) -> int:
    """What the host of one Dagster run calls from its first step to its teardown; returns the Databricks run."""
    workspace = Workspace(ClientSource(settings), settings, logger)
    runs, folder = DatabricksRuns(workspace, settings, logger), protocol.run_folder(VOLUME, name)
    stage_code = partial(stage.ensure, workspace, logger)
    request = RunRequest(name, "daily_job", "daily", folder, settings.compute, stage.digest, stage_code)
    handle, was_there = runs.worker(request)
    assert not was_there
    attempt = protocol.attempt_folder(folder, "daily", 0)
    assert workspace.put_new(protocol.request_file(attempt), protocol.request_bytes({"worker": handle.worker}, b""))
    for number in range(3):
        assert workspace.get(protocol.message_file(attempt, number + 1)) is None
    assert tear_down(runs, name).databricks_runs == (handle.run_id,)
    return handle.run_id


@pytest.mark.slow
def test_sixty_runs_at_once_share_what_a_workspace_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has one Databricks run, also where a submit is refused first; most calls are answered at their first try."""
    with Emulator(tmp_path / "workspace", classic_start=1000.0) as emulator:
        emulator.unity_catalog.add_volume(VOLUME.removeprefix("/Volumes/").replace("/", "."))
        monkeypatch.setenv("DATABRICKS_TOKEN", emulator.token)
        limit = emulator.fail(status=429, retry_after=1, rate=CALLS_A_SECOND, times=None)
        settings = replace(make_settings(workspace=parsed_host(emulator.url, "here")), timing=Timing())
        stage = CodeStage(settings)
        with ThreadPoolExecutor(RUNS) as pool:
            started = list(pool.map(lambda day: run_a_day(settings, stage, f"day-{day:02}"), range(RUNS)))
        assert len(set(started)) == len(emulator.runs) == RUNS
        assert 0 < limit.hits < emulator.calls.count() / 2
        assert emulator.calls.count() - limit.hits < RUNS * CALLS_A_RUN
        assert [path for path in emulator.staged() if path.startswith(f"{VOLUME}/runs/day")] == []
