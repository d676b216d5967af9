"""A person mutes a kind of alert for a while: it is logged, others are told, and it is over without anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mlops_core.adapters.alerts import FAILING_TICK, RUN_FAILURE, VIOLATION, Alert
from mlops_core.config import load_target
from mlops_core.defs import mutes
from mlops_core.defs.alerts import failure_sensors
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.mutes import tell
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.defs.test_alerts import Channel

WHO = {"muted_by": "Ada", "reason": "the source is late"}
FAILED = Alert("1", "it failed", "no", kind=RUN_FAILURE, about=("batch_inference_job", "predictions"))
VIOLATED = Alert("2", "it is wrong", "no", kind=VIOLATION, about=("predictions", "metric_within_threshold"))
TICKS = Alert("3", "it fails", "no", kind=FAILING_TICK, about=("retraining_sensor",))


def moment(hours: float) -> str:
    return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d %H:%M}"


class Desk:
    """The code location's job, and a channel."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.channel = instance, Channel()
        self.job = definitions_of(PROJECT, load_target(PROJECT, "local", environ={})).resolve_job_def("mute_alerts_job")

    def mute(self, **config: str) -> dg.ExecuteInProcessResult:
        given = {"ops": {"mute_alerts": {"config": {"until": moment(8), **WHO, **config}}}}
        return self.job.execute_in_process(run_config=given, instance=self.instance, raise_on_error=False)

    def told(self, *alerts: Alert) -> list[str]:
        """The keys of those that reach the channel."""
        self.channel.taken.clear()
        for alert in alerts:
            tell(PROJECT, dg.build_sensor_context(self.instance), self.channel, alert)
        return [alert.key for alert in self.channel.taken]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with dg.instance_for_test() if hasattr(dg, "instance_for_test") else dg.DagsterInstance.ephemeral() as instance:
        yield Desk(instance)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"kind": "run_failure"}, ["2", "3"]),
        ({"kind": "run_failure", "name": "predictions"}, ["2", "3"]),
        ({"kind": "run_failure", "name": "trips"}, ["1", "2", "3"]),
        ({"kind": "violation", "name": "metric_within_threshold"}, ["1", "3"]),
        ({"kind": "all", "name": "predictions"}, ["3"]),
        ({"kind": "failing_tick", "name": "retraining_sensor"}, ["1", "2"]),
        ({"kind": "all"}, []),
    ],
)
def test_one_kind_or_one_name_is_muted_and_the_rest_is_told(desk, config, told):
    assert desk.told(FAILED, VIOLATED, TICKS) == ["1", "2", "3"]
    assert desk.mute(**config).success
    assert desk.told(FAILED, VIOLATED, TICKS) == told


def test_a_mute_is_over_by_itself_and_now_ends_it_before(desk, monkeypatch):
    assert desk.mute(kind="all").success
    assert desk.told(FAILED) == []
    later = datetime.now(UTC) + timedelta(hours=9)
    with monkeypatch.context() as patch:
        patch.setattr(mutes.Mute, "holds", lambda mute, _: datetime.fromisoformat(mute.until) > later)
        assert desk.told(FAILED) == ["1"]
    assert desk.mute(kind="run_failure", until="now").success
    assert desk.told(FAILED) == []  # it is the mute of everything that holds
    assert desk.mute(kind="all", until="now").success
    assert desk.told(FAILED) == ["1"]


def test_who_muted_what_is_on_the_run_and_on_the_asset(desk):
    made = desk.mute(kind="violation", name="predictions")
    tags = desk.instance.get_run_by_id(made.run_id).tags
    assert (tags["alerts/kind"], tags["alerts/name"], tags["alerts/muted_by"]) == ("violation", "predictions", "Ada")
    assert tags["alerts/reason"] == "the source is late" and tags["alerts/until"].endswith("+00:00")
    (seen,) = desk.instance.fetch_observations(dg.AssetKey("predictions"), limit=9).records
    assert "violation alerts about predictions are muted until" in seen.asset_observation.description


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"name": "prediction"},
            "name is 'prediction', which no alert is about; names are absolute_bias_",
        ),
        ({"until": "tomorrow"}, "until is 'tomorrow': write a time as YYYY-MM-DD HH:MM in UTC, or now."),
        ({"until": "2016-02-29 08:00"}, "but it should be between now, "),
        ({"until": "2999-01-01"}, "and 31 days later; write now to end a mute."),
    ],
)
def test_what_would_mute_nothing_or_for_ever_is_refused(desk, config, sentence):
    refused = desk.mute(kind="run_failure", **config)
    (failure,) = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert sentence in str(failure.error.message) + str(failure.user_failure_data)
    assert desk.told(FAILED) == ["1"]


def test_a_time_with_an_offset_is_that_moment(desk):
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    shifted = (until + timedelta(hours=-5)).strftime("%Y-%m-%dT%H:%M:%S-05:00")
    made = desk.mute(kind="all", until=shifted)
    assert datetime.fromisoformat(desk.instance.get_run_by_id(made.run_id).tags["alerts/until"]) == until


def test_a_muted_failure_is_not_told_later_either(desk):
    """A run failed once; a condition that lasts is told when the mute has ended."""
    (sensor,) = failure_sensors(
        PROJECT, load_target(PROJECT, "local", environ={"BUNDLE_VAR_alert_channel": "teams"}), desk.channel
    )

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def predictions() -> None:
        raise ValueError("no")

    def tick(cursor: str | None) -> tuple[str, str]:
        result = sensor(dg.build_sensor_context(desk.instance, cursor=cursor))
        return result.cursor, result.skip_reason.skip_message

    cursor, _ = tick(None)
    assert desk.mute(kind="run_failure", name="predictions").success
    dg.materialize([predictions], instance=desk.instance, partition_key="a", raise_on_error=False)
    cursor, said = tick(cursor)
    assert said == "0 failed runs were told, 1 are muted" and not desk.channel.taken
    assert desk.mute(kind="run_failure", name="predictions", until="now").success
    assert tick(cursor)[1] == "0 failed runs were told"
    dg.materialize([predictions], instance=desk.instance, partition_key="a", raise_on_error=False)
    assert tick(cursor)[1] == "1 failed runs were told"
