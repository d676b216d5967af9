"""Ticks that fail, as Dagster's own daemon makes them, and who hears of it: once a streak, through a real web hook."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from mlops_core_tests.adapters.test_alerts import Webhook, served

LOCATION = Path(__file__).with_name("failing_location.py")
BEGIN = datetime(2016, 3, 1, 18, 0, 5, tzinfo=UTC)
LOG = logging.getLogger(__name__)


class Minutes:
    """A daemon that works minute by minute, over a code location in a process of its own."""

    def __init__(self, folder: Path, workspace: WorkspaceProcessContext, webhook: ThreadingHTTPServer) -> None:
        self.folder, self.workspace, self.webhook = folder, workspace, webhook
        self.now, self.times = BEGIN, {}

    def pass_by(self, count: int = 1) -> None:
        for _ in range(count):
            self.now += timedelta(seconds=61)
            with freeze_time(self.now):
                list(launch_scheduled_runs(self.workspace, LOG, self.now, self.times))
                list(execute_sensor_iteration(self.workspace, LOG, None, None))

    def break_down(self) -> None:
        (self.folder / "broken").touch()

    def mend(self) -> None:
        (self.folder / "broken").unlink()

    @property
    def told(self) -> list[str]:
        cards = [body["attachments"][0]["content"]["body"][0]["text"] for body in self.webhook.bodies]
        self.webhook.bodies.clear()
        return cards

    def said(self, sensor: str = "tick_failure_sensor") -> str:
        """The skip reason of the newest tick, as the UI shows it."""
        instance = self.workspace.instance
        (state,) = [state for state in instance.all_instigator_state() if state.instigator_name == sensor]
        (tick,) = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        assert tick.error is None
        return tick.skip_reason


@contextmanager
def daemon(folder: Path, channel: str, monkeypatch: pytest.MonkeyPatch, webhook: ThreadingHTTPServer) -> Iterator:
    monkeypatch.setenv("FAILING_FOLDER", str(folder))
    monkeypatch.setenv("FAILING_CHANNEL", channel)
    monkeypatch.setenv("ALERT_TEAMS_WEBHOOK_URL", f"http://127.0.0.1:{webhook.server_port}/hook")
    monkeypatch.setenv("DAGSTER_WEBSERVER_URL", "https://dagster.example.invalid")
    target = PythonFileTarget(str(LOCATION), attribute=None, working_directory=None, location_name="failing")
    with (
        dg.DagsterInstance.local_temp(str(folder)) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        yield Minutes(folder, workspace, webhook)


@pytest.fixture
def webhook() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    server.bodies, server.status = [], 202
    yield from served(server)


def test_people_hear_once_of_each_streak_of_failures(tmp_path, monkeypatch, webhook):
    with daemon(tmp_path, "teams", monkeypatch, webhook) as minutes:
        minutes.pass_by(2)
        assert minutes.said() == "No schedule and no sensor fails"
        minutes.break_down()
        minutes.pass_by()
        (schedule,) = minutes.told
        assert "**fragile_schedule fails on local**" in schedule
        assert (
            "The newest tick of fragile_schedule failed, since 2016-03-01 18:02 UTC: KeyError: 'late_days'" in schedule
        )
        assert "https://dagster.example.invalid/locations/failing/schedules/fragile_schedule" in schedule
        minutes.pass_by(3)
        (sensor,) = minutes.told
        # The daemon takes the sensors of a minute in any order, so the watch may come before the third tick that fails.
        assert re.search("The last [34] ticks of fragile_sensor failed, since 2016-03-01 18:02 UTC", sensor)
        assert "ValueError: the registry is away" in sensor and "docs/runbook.md" in sensor
        minutes.pass_by(3)
        assert minutes.told == []
        assert "ticks of fragile_sensor failed" in minutes.said() and "nobody should hear" not in minutes.said()
        minutes.mend()
        minutes.pass_by(2)
        assert minutes.said() == "No schedule and no sensor fails"
        minutes.break_down()
        minutes.pass_by(4)
        assert len(minutes.told) == 2


@pytest.mark.slow
def test_a_channel_that_refuses_hears_of_it_later(tmp_path, monkeypatch, webhook):
    with daemon(tmp_path, "teams", monkeypatch, webhook) as minutes:
        webhook.status = 500
        minutes.break_down()
        minutes.pass_by(2)
        assert "fragile_schedule failed, and Dagster knows of no good tick" in minutes.said()
        webhook.status = 202
        webhook.bodies.clear()
        minutes.pass_by(2)
        assert sum("fragile_schedule fails" in text for text in minutes.told) == 1


@pytest.mark.slow
def test_without_a_channel_the_ui_says_it(tmp_path, monkeypatch, webhook):
    with daemon(tmp_path, "none", monkeypatch, webhook) as minutes:
        minutes.break_down()
        minutes.pass_by(5)
        assert "ticks of fragile_sensor failed" in minutes.said()
        assert webhook.bodies == []


@pytest.mark.slow
def test_with_a_prefix_a_project_tells_of_its_own_schedules_and_sensors(tmp_path, monkeypatch, webhook):
    monkeypatch.setenv("FAILING_PREFIX", "own")
    with daemon(tmp_path, "teams", monkeypatch, webhook) as minutes:
        minutes.break_down()
        minutes.pass_by(5)
        (schedule,) = minutes.told
        assert "fragile_schedule fails" in schedule
        assert "fragile_sensor" not in minutes.said("own_tick_failure_sensor")
