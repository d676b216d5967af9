"""What sensors asked for and did not get: asked for once more, then told, until it was made up for."""

from __future__ import annotations

import dagster as dg
import pytest

from my_mlops_stacks_tests.deployment.desk import Desk
from my_mlops_stacks_tests.monitoring.test_retraining import Sensor

DAYS = {"first_day": "2016-02-20", "last_day": "2016-02-29", "rescore_days": "3"}
FAILURE, CANCELED, SUCCESS = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.SUCCESS,
)


class Asking:
    """The ticks of a sensor, and what becomes of the runs that it asks for, as the daemon makes them."""

    def __init__(self, desk: Desk, sensor: str, job: str) -> None:
        self.desk, self.cursor = desk, None
        self.repository = desk.definitions.get_repository_def()
        self.sensor, self.job = self.repository.get_sensor_def(sensor), self.repository.get_job(job)

    def tick(self) -> tuple[list[dg.RunRequest], str, list[str]]:
        """Requests, the sentence of a tick that asks for nothing, and what it says of assets."""
        context = dg.build_sensor_context(
            self.desk.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources={"model_registry": self.desk.registry},
        )
        found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor
        events = [str(event.description) for event in found.asset_events]
        return list(found.run_requests or []), str(found.skip_message), events

    def becomes(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
        tags = {**request.tags, "dagster/run_key": request.run_key}
        return self.run(status, **tags)

    def run(self, status: dg.DagsterRunStatus, **tags: str) -> str:
        run = self.desk.instance.create_run_for_job(self.job, tags=tags, status=status)
        return run.run_id


@pytest.fixture
def rescoring(tmp_path) -> tuple[Asking, dg.RunRequest]:
    """Version 3 was made champion by hand after version 2, and the sensor has asked for the newest three days."""
    desk = Desk(tmp_path, **DAYS)
    for _ in range(3):
        desk.register()
    desk.hold(challenger=2, champion=1)
    assert desk.promote().success
    asking = Asking(desk, "champion_sensor", "batch_inference_job")
    asking.tick()
    desk.client.set_registered_model_alias(desk.registry.model, "champion", "3")
    asking.tick()
    (request,), _, _ = asking.tick()
    return asking, request


def test_a_rescoring_that_goes_on_or_succeeded_is_left_alone(rescoring):
    asking, request = rescoring
    assert asking.tick()[1].startswith("Nothing moved")
    run_id = asking.becomes(request, dg.DagsterRunStatus.STARTED)
    assert asking.tick()[1].startswith("Nothing moved")
    asking.desk.instance.report_run_canceling(asking.desk.instance.get_run_by_id(run_id))
    assert asking.tick()[1].startswith("Nothing moved")


def test_a_rescoring_that_was_ended_is_told_until_its_days_are_predicted(rescoring):
    asking, request = rescoring
    run_id = asking.becomes(request, CANCELED)
    requests, said, events = asking.tick()
    assert not requests and events == [said]
    assert said == (
        f"The run {run_id} of batch_inference_job over the days from 2016-02-27 to 2016-02-29 was ended, and nothing "
        "starts it again: launch batch_inference_job over the days from 2016-02-27 to 2016-02-29 yourself; until then "
        "these days lack predictions of version 3"
    )
    assert asking.tick() == ([], said, [])  # said again, written once
    asking.run(SUCCESS, **{"dagster/partition": "2016-02-29"})
    assert asking.tick()[1] == said
    start, end = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    asking.run(SUCCESS, **{start: "2016-02-25", end: "2016-02-29"})
    assert asking.tick()[1].startswith("Nothing moved")


def test_a_rescoring_that_failed_is_asked_for_once_more_and_then_told(rescoring):
    asking, request = rescoring
    asking.becomes(request, FAILURE)
    (again,), _, _ = asking.tick()
    assert again.run_key != request.run_key and again.tags == request.tags
    assert asking.tick()[1].startswith("Nothing moved")
    run_id = asking.becomes(again, FAILURE)
    requests, said, events = asking.tick()
    assert not requests and run_id in said and len(events) == 1


def test_a_run_that_dagster_retries_is_waited_for(rescoring):
    asking, request = rescoring
    tags = {**request.tags, "dagster/run_key": request.run_key, "dagster/will_retry": "true"}
    root = asking.run(FAILURE, **tags)
    assert asking.tick()[1].startswith("Nothing moved")
    retry = asking.run(FAILURE, **request.tags, **{"dagster/root_run_id": root})
    (again,), _, _ = asking.tick()
    assert again.tags == request.tags and retry != root


@pytest.fixture
def retraining(monkeypatch) -> tuple[Sensor, dg.RunRequest]:
    """A violation for which the sensor has asked for a training."""
    sensor = Sensor(monkeypatch)
    sensor.evaluate(10, False)
    (request,) = sensor.tick().run_requests
    return sensor, request


def became(sensor: Sensor, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    @dg.job(name="model_training_job")
    def job() -> None: ...

    tags = {**request.tags, "dagster/run_key": request.run_key}
    return sensor.instance.create_run_for_job(job, tags=tags, status=status).run_id


def test_a_retraining_that_failed_is_asked_for_once_more_and_then_people_hear_of_it_once(retraining):
    sensor, request = retraining
    became(sensor, request, FAILURE)
    (again,) = sensor.tick().run_requests
    assert again.run_key != request.run_key and again.tags == request.tags
    run_id = became(sensor, again, FAILURE)
    said = str(sensor.tick().skip_reason.skip_message)
    assert f"The run {run_id} of model_training_job failed, and nothing starts it again" in said
    sensor.tick()
    assert [alert.title for alert in sensor.channel.taken][1:] == ["A retraining is missing"]


def test_a_retraining_that_a_person_ended_is_told_and_forgotten_once_the_check_passes(retraining):
    sensor, request = retraining
    became(sensor, request, CANCELED)
    assert "was ended" in str(sensor.tick().skip_reason.skip_message)
    sensor.evaluate(11, True)
    assert "No violation" in str(sensor.tick().skip_reason.skip_message)
