"""A failed run is told once, with a link, through the channel of its target, and later when that refuses."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from mlops_core.adapters.alerts import Alert, AlertError, NoAlerts
from mlops_core.config import load_target
from mlops_core.defs.alerts import build_alerts, failure_sensors
from mlops_core.defs.refusals import Refused
from my_mlops_stacks.project import PROJECT


class Channel:
    """Takes alerts, but for the first `refusals`."""

    def __init__(self, refusals: int = 0) -> None:
        self.taken: list[Alert] = []
        self.refusals = refusals

    def send(self, alert: Alert) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise AlertError("The channel is not there.")
        self.taken.append(alert)


@dg.job
def broken_job() -> None:
    @dg.op
    def break_down() -> None:
        raise ValueError("no")

    break_down()


class Watched:
    """Failing runs, and the ticks of the sensor that tells of them."""

    def __init__(self, instance: dg.DagsterInstance, channel: Channel) -> None:
        self.instance, self.channel, self.cursor = instance, channel, None
        target = load_target(PROJECT, "local", environ={"BUNDLE_VAR_alert_channel": "teams"})
        (self.sensor,) = failure_sensors(PROJECT, target, channel)

    def fail(self, **tags: str) -> str:
        return broken_job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False).run_id

    def tick(self) -> str:
        result = self.sensor(dg.build_sensor_context(self.instance, cursor=self.cursor))
        self.cursor = result.cursor
        return str(result.skip_reason.skip_message)

    @property
    def told(self) -> list[str]:
        return [alert.key for alert in self.channel.taken]


@pytest.fixture(params=["in memory", "in files"])
def instance(request, tmp_path) -> Iterator[dg.DagsterInstance]:
    if request.param == "in memory":
        yield dg.DagsterInstance.ephemeral()
    else:
        with dg.DagsterInstance.local_temp(str(tmp_path)) as found:  # every run has a file of its own there
            yield found


def test_a_failure_is_told_once_with_a_link_to_its_run(monkeypatch, instance):
    monkeypatch.setenv("DAGSTER_WEBSERVER_URL", "dagster.example.invalid/?team=a")
    watched = Watched(instance, Channel())
    watched.tick()
    run_id = watched.fail()
    assert watched.tick() == "1 failed runs were told"
    watched.tick()
    (alert,) = watched.channel.taken
    assert alert.title == "broken_job failed on local"
    assert "broken_job" in alert.text
    assert alert.links == {"The run": f"https://dagster.example.invalid/runs/{run_id}?team=a"}


def test_a_refused_request_is_told_as_such_and_with_less_weight_than_a_failure(instance):
    @dg.job
    def asking_job() -> None:
        @dg.op
        def ask() -> None:
            raise Refused("Version 7 may not be promoted: it was never validated.")

        ask()

    watched = Watched(instance, Channel())
    watched.tick()
    asking_job.execute_in_process(instance=instance, raise_on_error=False)
    watched.fail()
    watched.tick()
    refused, failed = watched.channel.taken
    assert refused.title == "asking_job was refused on local"
    assert refused.text == "Version 7 may not be promoted: it was never validated."
    assert (refused.is_urgent, failed.is_urgent) == (False, True)


def test_a_channel_that_refuses_first_gets_every_failure_with_later_ticks(instance):
    watched = Watched(instance, Channel(refusals=2))
    watched.tick()
    runs = [watched.fail(), watched.fail()]
    assert watched.tick() == "Sent again with the next tick: The channel is not there."
    runs.append(watched.fail())
    watched.tick()
    assert watched.told == []
    watched.tick()
    watched.tick()
    assert watched.told == runs


def test_a_channel_that_refuses_in_between_gets_nothing_twice(instance):
    watched = Watched(instance, Channel())
    watched.tick()
    runs = [watched.fail()]
    watched.tick()
    runs += [watched.fail(), watched.fail()]
    watched.channel.refusals = 1
    watched.tick()
    watched.tick()
    assert watched.told == runs


def test_what_failed_before_the_sensor_was_there_and_what_is_retried_is_not_told(instance):
    watched = Watched(instance, Channel())
    watched.fail()
    watched.tick()
    watched.fail(**{"dagster/will_retry": "true"})
    watched.tick()
    assert watched.told == []


def test_what_fails_after_runs_were_deleted_is_told_whatever_number_it_gets(instance):
    watched = Watched(instance, Channel())
    watched.fail()
    watched.tick()
    runs = [watched.fail(), watched.fail()]
    watched.tick()
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    for _ in range(2):
        runs.append(watched.fail())
        watched.tick()
        watched.tick()
    assert watched.told == runs


def test_the_cursor_of_an_earlier_release_is_read(instance):
    watched = Watched(instance, Channel())
    watched.fail()
    watched.tick()
    watched.cursor = watched.cursor.split()[0]
    runs = [watched.fail()]
    watched.tick()
    watched.tick()
    assert watched.told == runs


def test_more_failures_than_a_tick_tells_are_told_by_the_next_ones(monkeypatch):
    monkeypatch.setattr("mlops_core.defs.alerts.FAILURES_A_TICK", 1)
    watched = Watched(dg.DagsterInstance.ephemeral(), Channel())
    watched.tick()
    runs = [watched.fail() for _ in range(2)]
    watched.tick()
    watched.tick()
    assert watched.told == runs


def test_local_tells_nobody():
    assert build_alerts(load_target(PROJECT, "local", environ={})) == NoAlerts()


def test_the_mail_server_may_have_a_port(monkeypatch):
    for name, value in {"FROM": "a@b.invalid", "PASSWORD": "x", "TO": "c@d.invalid,e@f.invalid"}.items():
        monkeypatch.setenv(f"ALERT_EMAIL_{name}", value)
    monkeypatch.setenv("ALERT_SMTP_HOST", "smtp.example.invalid:587")
    found = build_alerts(load_target(PROJECT, "local", environ={"BUNDLE_VAR_alert_channel": "email"}))
    assert (found.host, found.port, found.recipients) == (
        "smtp.example.invalid",
        587,
        ("c@d.invalid", "e@f.invalid"),
    )
