"""When a violation retrains: once, after a while again, and at last no more. And what the sensor makes of it."""

from __future__ import annotations

import dagster as dg
import pytest

from mlops_core.adapters.alerts import Alert, AlertError
from mlops_core.config import load_target
from mlops_core.defs.jobs import model_jobs
from mlops_core.defs.judgements import METRIC, check_key
from mlops_core.defs.sensors import build_sensors
from mlops_core.monitoring.retraining import FINE, GIVE_UP, RETRAIN, WAIT, History, Judgement, RetrainingRule
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import with_fixed_rules

RULE = RetrainingRule(cooldown_days=3, max_retrainings=2, recovery_days=4)

VIOLATION_CHECK = check_key(PROJECT, METRIC)


def story(*days: tuple[int | None, bool]) -> list[str]:
    """What is decided about evaluations, given as (newest judged day of February, passed)."""
    history, decisions = History(), []
    for number, (day, passed) in enumerate(days):
        judged = Judgement(str(number), passed, f"2016-02-{day:02d}" if day else None)
        decision, history = RULE.decide(judged, history)
        history = History.read(history.written())
        decisions.append(decision)
    return decisions


def test_one_violation_asks_once_and_again_after_the_cooldown():
    assert story((10, False), (11, False), (12, False), (13, False)) == [RETRAIN, WAIT, WAIT, RETRAIN]


def test_after_enough_retrainings_it_gives_up_until_the_check_has_passed_for_days():
    days = [(10, False), (13, False), (16, False), (17, False), *((day, True) for day in range(18, 22)), (22, False)]
    assert story(*days) == [RETRAIN, RETRAIN, GIVE_UP, GIVE_UP, FINE, FINE, FINE, FINE, RETRAIN]


def test_a_check_that_fails_and_passes_in_turns_is_one_violation():
    days = [(day, day % 2 == 1) for day in range(10, 18)]
    assert story(*days) == [RETRAIN, FINE, WAIT, FINE, RETRAIN, FINE, WAIT, FINE]
    assert story(*days, (18, False), (19, True), (20, False))[-3:] == [GIVE_UP, FINE, GIVE_UP]


@pytest.mark.parametrize(("good_days", "then"), [((11, 12, 13), WAIT), ((11, 12, 13, 14), RETRAIN), ((), WAIT)])
def test_a_short_recovery_keeps_what_was_asked_for(good_days, then):
    rule = RetrainingRule(cooldown_days=9, max_retrainings=1, recovery_days=4)
    _, history = rule.decide(Judgement("0", False, "2016-02-10"), History())
    for day in good_days:
        _, history = rule.decide(Judgement(f"{day}", True, f"2016-02-{day}"), history)
    assert rule.decide(Judgement("last", False, "2016-02-15"), history)[0] == then


def test_days_that_could_not_be_judged_are_no_recovery():
    days = [(10, False), *([(None, True)] * 9), (11, False)]
    assert story(*days) == [RETRAIN, *([FINE] * 9), WAIT]


def test_the_same_days_judged_again_ask_for_nothing():
    assert story((10, False), (10, False), (10, False)) == [RETRAIN, WAIT, WAIT]


def test_the_same_evaluation_is_decided_on_once():
    judged = Judgement("7", False, "2016-02-10")
    _, history = RULE.decide(judged, History())
    assert RULE.decide(judged, history) == (WAIT, history)


class Channel:
    """Takes alerts, unless it is broken."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.is_broken = False

    def send(self, alert: Alert) -> None:
        if self.is_broken:
            raise AlertError("The channel is broken.")
        self.taken.append(alert)


class Sensor:
    """The sensor of a target whose schedules stand still, the instance that it reads, and its cursor."""

    def __init__(self, monkeypatch, search: str = "never") -> None:
        self.channel, self.cursor = Channel(), None
        monkeypatch.setattr("mlops_core.defs.sensors.build_alerts", lambda target: self.channel)
        monkeypatch.setenv("DAGSTER_WEBSERVER_URL", "https://dagster.example.invalid/")
        target = with_fixed_rules(load_target(PROJECT, "local", environ={}))
        workflow = target.model_workflow.model_copy(update={"search": search})
        target = target.model_copy(update={"model_workflow": workflow})
        (self.sensor,) = build_sensors(PROJECT, target, model_jobs(PROJECT, target))
        self.instance = dg.DagsterInstance.ephemeral()

    def evaluate(self, day: int, passed: bool, reason: str = "root_mean_squared_error is above 5") -> None:
        metadata = {
            "day": f"2016-02-{day:02d}",
            "metric": "root_mean_squared_error",
            "direction": "above",
            "threshold": "5",
            "model_id": "fare_model/1",
            "values": {f"2016-02-{day:02d}": 9.25, f"2016-02-{day - 1:02d}": 8.0},
        }
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=VIOLATION_CHECK.asset_key,
                check_name=VIOLATION_CHECK.name,
                passed=passed,
                metadata=metadata,
                description=reason,
            )
        )

    def tick(self) -> dg.SensorResult:
        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        found = self.sensor(context)
        if isinstance(found, dg.SensorResult):
            self.cursor = found.cursor
        return found


@pytest.fixture
def sensor(monkeypatch) -> Sensor:
    return Sensor(monkeypatch)


def test_nothing_is_asked_for_before_anything_was_judged(sensor):
    assert "has not been evaluated yet" in sensor.tick().skip_message


def test_a_request_says_why_in_tags_and_people_hear_of_it_once(sensor):
    sensor.evaluate(10, False)
    (request,) = sensor.tick().run_requests
    assert request.tags == {
        "retraining/reason": "root_mean_squared_error is above 5",
        "retraining/metric": "root_mean_squared_error",
        "retraining/direction": "above",
        "retraining/threshold": "5",
        "retraining/windows": "2016-02-10, 2016-02-09",
        "retraining/values": "9.25, 8",
        "retraining/model": "fare_model/1",
        "retraining/attempt": "1 of 3",
        "retraining/monitoring_run_id": "",
    }
    assert request.run_config == {"ops": {"fare_model": {"config": {"training_days": 0}}}}
    assert not sensor.tick().run_requests
    (alert,) = sensor.channel.taken
    assert "root_mean_squared_error is above 5. Retraining 1 was asked for." in alert.text
    assert alert.links["The check"] == (
        "https://dagster.example.invalid/assets/monitoring_report?view=checks&checkDetail=metric_within_threshold"
    )


def test_a_retraining_searches_hyperparameters_where_the_target_says_so(monkeypatch):
    sensor = Sensor(monkeypatch, search="retraining")
    sensor.evaluate(10, False)
    (request,) = sensor.tick().run_requests
    assert request.run_config == {"ops": {"fare_model": {"config": {"training_days": 0, "search": True}}}}


def test_an_evaluation_after_a_wipe_asks_with_another_key(sensor):
    sensor.evaluate(10, False)
    (before,) = sensor.tick().run_requests
    sensor.instance.wipe_assets([VIOLATION_CHECK.asset_key])
    assert "has not been evaluated yet" in sensor.tick().skip_message
    sensor.evaluate(13, False)  # SQLite gives it the number of the one that is gone
    (after,) = sensor.tick().run_requests
    assert after.run_key != before.run_key  # the daemon drops a request with a key that it has seen


def test_long_reasons_are_cut(sensor):
    sensor.evaluate(10, False, "x" * 5_000)
    (request,) = sensor.tick().run_requests
    assert len(request.tags["retraining/reason"]) == 1_000


def test_when_retraining_does_not_help_people_are_told_instead(sensor):
    requested = []
    for day in (10, 13, 16, 19, 20):
        sensor.evaluate(day, False)
        requested.append(len(sensor.tick().run_requests or []))
    assert requested == [1, 1, 1, 0, 0]
    assert [alert.title for alert in sensor.channel.taken] == [
        "The predictions violate their threshold",
        "The predictions violate their threshold",
        "The predictions violate their threshold",
        "Retraining given up",
    ]
    assert "3 retrainings did not help" in sensor.channel.taken[-1].text
    for day in range(21, 26):
        sensor.evaluate(day, True)
        assert "No violation" in sensor.tick().skip_reason.skip_message
    sensor.evaluate(26, False)
    assert sensor.tick().run_requests


def test_flapping_is_told_once_and_gets_no_more_retrainings_than_a_lasting_violation(sensor):
    requested = []
    for day in range(5, 29):
        sensor.evaluate(day, passed=day % 2 == 0)
        requested.append(len(sensor.tick().run_requests or []))
    assert sum(requested) == 3
    assert [alert.title for alert in sensor.channel.taken][3:] == ["Retraining given up"]
    assert all("is above 5" in alert.text for alert in sensor.channel.taken)


def test_news_that_was_not_taken_is_not_sent_with_the_words_of_a_good_day(sensor):
    sensor.channel.is_broken = True
    sensor.evaluate(10, False)
    sensor.tick()
    sensor.channel.is_broken = False
    sensor.evaluate(11, True, "all is well")
    sensor.tick()
    assert sensor.channel.taken == []


def test_a_broken_channel_keeps_no_retraining_back_and_hears_of_it_later(sensor):
    sensor.channel.is_broken = True
    sensor.evaluate(10, False)
    assert sensor.tick().run_requests
    assert sensor.channel.taken == []
    sensor.channel.is_broken = False
    assert not sensor.tick().run_requests
    assert len(sensor.channel.taken) == 1
    sensor.tick()
    assert len(sensor.channel.taken) == 1
