"""Databricks' data quality monitor through the SDK's own client, on the emulated workspace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk.service.catalog import MonitorInfoStatus, MonitorRefreshInfoState

from databricks_emulator import Emulator
from mlops_core.adapters.monitor import DataQualityMonitor, MonitorError
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT

TABLE = "staging.my_mlops_stacks.predictions"


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Iterator[Emulator]:
    with Emulator(tmp_path / "workspace") as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        emulator.unity_catalog.add_table(TABLE, tmp_path / "predictions")
        yield emulator


def monitor(timeout_s: float = 30) -> DataQualityMonitor:
    return DataQualityMonitor(TABLE, "staging.my_mlops_stacks", "/Workspace/Shared/m", None, timeout_s, poll_s=0.01)


def test_a_table_without_a_monitor_gets_one_and_its_first_refresh_is_waited_for(workspace):
    assert monitor().refresh() == f"{TABLE}_profile_metrics"
    asked = workspace.quality_monitors.monitors[TABLE]["asked"]
    assert asked["output_schema_name"] == "staging.my_mlops_stacks"
    assert asked["assets_dir"] == "/Workspace/Shared/m"
    assert asked["slicing_exprs"] == ["pickup_hour", "pickup_zip"]
    assert asked["inference_log"] == {
        "timestamp_col": "tpep_pickup_datetime",
        "granularities": ["1 day"],
        "model_id_col": "model_version",
        "problem_type": "PROBLEM_TYPE_REGRESSION",
        "prediction_col": "prediction",
    }
    assert len(workspace.quality_monitors.refreshes) == 1  # the one that making it began
    assert workspace.quality_monitors.states == [MonitorRefreshInfoState.SUCCESS]


def test_a_monitor_that_is_there_is_only_refreshed(workspace):
    monitor().refresh()
    asked = workspace.quality_monitors.monitors[TABLE]["asked"]
    monitor().refresh()
    assert workspace.quality_monitors.monitors[TABLE]["asked"] is asked
    assert len(workspace.quality_monitors.refreshes) == 2


def test_a_new_monitor_that_has_not_begun_to_refresh_is_asked_to(workspace):
    workspace.quality_monitors.is_refreshed_when_made = False
    monitor().refresh()
    assert len(workspace.quality_monitors.refreshes) == 1


def test_before_there_are_predictions_there_is_nothing_to_watch(workspace):
    workspace.unity_catalog.delete_table({"full_name": TABLE})
    assert monitor().refresh() is None
    assert workspace.quality_monitors.monitors == {}


def test_the_job_says_that_there_is_nothing_to_watch_yet(workspace, capfd):
    workspace.unity_catalog.delete_table({"full_name": TABLE})
    job = definitions_of(PROJECT, load_target(PROJECT, "staging")).resolve_job_def("quality_monitor_job")
    assert job.execute_in_process().success
    assert f"Nothing to watch: {TABLE} does not exist yet" in capfd.readouterr().err


def test_a_refresh_that_fails_is_told_with_its_message(workspace):
    workspace.quality_monitors.states = [MonitorRefreshInfoState.RUNNING, MonitorRefreshInfoState.FAILED]
    with pytest.raises(MonitorError, match=r"Refresh 1 of the monitor of .* is FAILED \(as it was asked\)"):
        monitor().refresh()


def test_a_monitor_in_error_is_told_with_its_message(workspace):
    workspace.quality_monitors.statuses = [MonitorInfoStatus.MONITOR_STATUS_ERROR]
    with pytest.raises(MonitorError, match=r"is MONITOR_STATUS_ERROR \(it has no rows\): delete it"):
        monitor().refresh()


def test_a_refresh_that_never_ends_is_given_up(workspace):
    workspace.quality_monitors.states = [MonitorRefreshInfoState.RUNNING]
    with pytest.raises(MonitorError, match="was not done in 0.1 s"):
        monitor(timeout_s=0.1).refresh()


@pytest.mark.parametrize(("name", "has_one"), [("local", False), ("staging", True)])
def test_only_targets_on_databricks_have_the_job(name, has_one):
    definitions = definitions_of(PROJECT, load_target(PROJECT, name, environ={}))
    assert ("quality_monitor_schedule" in {schedule.name for schedule in definitions.schedules}) is has_one
