"""What every schedule and sensor does when the history is empty, half written, being written, or deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.jobs import MONITOR_TABLES
from mlops_core.defs.judgements import LABELS, METRIC, check_key
from mlops_core.defs.records import newest_evaluated
from mlops_core.defs.resources import adapters
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.defs.test_judgements import Judged, days, drifts
from my_mlops_stacks_tests.monitoring.test_rules import window

VIOLATION_CHECK, LABELS_CHECK = check_key(PROJECT, METRIC), check_key(PROJECT, LABELS)

EVENING = datetime(2016, 3, 1, 18, tzinfo=UTC)
USUAL, LATE = "2016-02-27", "2016-02-25"
"""The first day that the tick of this evening computes, and the one with late fares below."""
NOT_JUDGED = "metric_within_threshold has not been evaluated yet"


class World:
    """Monitor tables with a violation and a late day, the definitions of a target that runs by itself, an instance."""

    def __init__(self, folder: Path) -> None:
        self.judged = Judged(folder)
        late = window(date.fromisoformat(LATE), 2.0, label_coverage=0.25)
        self.judged.write([late, *days(2.0, 9.25, 9.5)], drifts())
        variables = {"state_folder": str(folder), "schedules": "running", "alert_channel": "teams"}
        target = load_target(
            PROJECT, "local", environ={f"BUNDLE_VAR_{name}": value for name, value in variables.items()}
        )
        self.repository = definitions_of(PROJECT, target).get_repository_def()
        self.instance = dg.DagsterInstance.ephemeral()
        with adapters(PROJECT, target, "model_registry", "watched", "sources", "spark") as resources:
            self.resources = {name: getattr(resources, name) for name in ("model_registry", "watched")}
        (folder / "mlflow").mkdir(parents=True, exist_ok=True)
        MlflowClient(self.resources["model_registry"].tracking_uri).search_experiments()  # makes the database

    def judge(self) -> None:
        self.judged.instance = self.instance
        self.judged.checks()

    def monitor(self) -> None:
        """A monitoring run that fails before its checks: nothing was predicted here."""
        job = self.repository.get_job("monitoring_job")
        result = job.execute_in_process(instance=self.instance, partition_key="2016-02-29", raise_on_error=False)
        assert not result.success

    def begin_monitoring(self) -> None:
        job = self.repository.get_job("monitoring_job")
        self.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    def wipe(self) -> None:
        self.instance.wipe_assets([dg.AssetKey(key) for key in ("monitoring_report", "champion", *MONITOR_TABLES)])

    def delete_runs(self) -> None:
        for run in self.instance.get_runs():
            self.instance.delete_run(run.run_id)

    def ticks(self) -> Iterator[tuple[str, object]]:
        """The outcome of one tick of each schedule and sensor."""
        for schedule in self.repository.schedule_defs:
            with dg.build_schedule_context(
                instance=self.instance, scheduled_execution_time=EVENING, repository_def=self.repository
            ) as context:
                yield schedule.name, schedule.evaluate_tick(context)
        for sensor in self.repository.sensor_defs:
            context = dg.build_sensor_context(self.instance, repository_def=self.repository, resources=self.resources)
            yield sensor.name, sensor.evaluate_tick(context)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(built, tmp_path, monkeypatch) -> Iterator[World]:
    monkeypatch.setenv("ALERT_TEAMS_WEBHOOK_URL", "http://127.0.0.1:9/nobody")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as built.instance:
        yield built


STORIES: dict[str, tuple[list[Callable[[World], None]], bool]] = {
    "empty": ([], False),
    "the first monitoring goes on": ([World.begin_monitoring], False),
    "the first monitoring failed": ([World.monitor], False),
    "a check was evaluated": ([World.judge], True),
    "the next monitoring goes on": ([World.judge, World.begin_monitoring], True),
    "later ones failed": ([World.judge, World.monitor, World.monitor], True),
    "everything was wiped": ([World.judge, World.monitor, World.wipe], False),
    "everything was wiped, and a monitoring goes on": ([World.judge, World.wipe, World.begin_monitoring], False),
    "every run was deleted": ([World.judge, World.monitor, World.delete_runs], True),
}


@pytest.mark.parametrize("story", STORIES)
def test_every_schedule_and_sensor_ticks_by_the_newest_evaluation(world, story):
    acts, is_judged = STORIES[story]
    for act in acts:
        act(world)
    found = dict(world.ticks())
    assert len(found) >= 9
    assert [name for name, tick in found.items() if not tick.run_requests and not tick.skip_message] == []
    (request,) = found["monitoring_schedule"].run_requests
    assert request.tags["dagster/asset_partition_range_start"] == (LATE if is_judged else USUAL)
    assert request.tags["dagster/asset_partition_range_end"] == "2016-02-29"
    asked = found["retraining_sensor"]
    if is_judged:
        (request,) = asked.run_requests
        assert request.tags["retraining/values"] == "9.5, 9.25, 2"
    else:
        assert asked.skip_message == NOT_JUDGED
    (request,) = found["arrival_sensor"].run_requests
    assert request.job_name == "arrivals_job"  # the sample has not been looked at
    assert found["champion_sensor"].skip_message == "No version is champion yet"
    assert found["tick_failure_sensor"].skip_message == "No schedule and no sensor fails"


def test_a_failed_monitoring_asks_for_nothing_again(world):
    world.judge()
    sensor = world.repository.get_sensor_def("retraining_sensor")
    context = dg.build_sensor_context(world.instance, repository_def=world.repository)
    cursor = sensor.evaluate_tick(context).cursor
    world.monitor()
    context = dg.build_sensor_context(world.instance, cursor=cursor, repository_def=world.repository)
    assert not sensor.evaluate_tick(context).run_requests


def test_the_newest_evaluation_is_the_one_of_the_run_that_made_it(world):
    world.judge()
    (judging,) = world.instance.get_runs()
    world.monitor()
    for check in (VIOLATION_CHECK, LABELS_CHECK):
        assert newest_evaluated(world.instance, check).run_id == judging.run_id


def test_an_evaluation_after_a_wipe_is_another_one(world):
    world.judge()
    before = newest_evaluated(world.instance, VIOLATION_CHECK)
    world.wipe()
    assert newest_evaluated(world.instance, VIOLATION_CHECK) is None
    world.judge()
    assert newest_evaluated(world.instance, VIOLATION_CHECK).identity != before.identity
