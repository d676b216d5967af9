"""A failed run is told, with a link, through the channel of its target; one that is retried is not."""

from __future__ import annotations

import dagster as dg
import pytest

from my_mlops_stacks.adapters.alerts import Alert, NoAlerts
from my_mlops_stacks.defs.alerts import build_alerts, failure_sensors
from my_mlops_stacks.target import load_target


class Channel:
    def __init__(self) -> None:
        self.taken: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.taken.append(alert)


@dg.job
def broken_job() -> None:
    @dg.op
    def break_down() -> None:
        raise ValueError("no")

    break_down()


@pytest.mark.parametrize(("tags", "told"), [({}, 1), ({"dagster/will_retry": "true"}, 0)])
def test_a_failure_is_told_with_a_link_to_its_run(monkeypatch, tags, told):
    monkeypatch.setenv("DAGSTER_WEBSERVER_URL", "https://dagster.example.invalid")
    channel, instance = Channel(), dg.DagsterInstance.ephemeral()
    target = load_target("local", environ={"BUNDLE_VAR_alert_channel": "teams"})
    (sensor,) = failure_sensors(target, channel)
    result = broken_job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failure_sensor",
        dagster_event=failure(result),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    sensor(context)
    assert len(channel.taken) == told
    for alert in channel.taken:
        assert alert.title == "broken_job failed on local"
        assert alert.links == {"The run": f"https://dagster.example.invalid/runs/{result.run_id}"}


def failure(result: dg.ExecuteInProcessResult) -> dg.DagsterEvent:
    return next(event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE)


def test_local_tells_nobody():
    assert build_alerts(load_target("local", environ={})) == NoAlerts()


def test_the_mail_server_may_have_a_port(monkeypatch):
    for name, value in {"FROM": "a@b.invalid", "PASSWORD": "x", "TO": "c@d.invalid,e@f.invalid"}.items():
        monkeypatch.setenv(f"ALERT_EMAIL_{name}", value)
    monkeypatch.setenv("ALERT_SMTP_HOST", "smtp.example.invalid:587")
    found = build_alerts(load_target("local", environ={"BUNDLE_VAR_alert_channel": "email"}))
    assert (found.host, found.port, found.recipients) == (
        "smtp.example.invalid",
        587,
        ("c@d.invalid", "e@f.invalid"),
    )
