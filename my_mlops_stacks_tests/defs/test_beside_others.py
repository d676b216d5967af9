"""The sensors of two projects with prefixes, and of a team, over one history: each tells of its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mlops_core.adapters.alerts import Alert
from mlops_core.config import load_target
from mlops_core.defs.alerts import failure_sensors
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.judgements import METRIC, check_key
from mlops_core.defs.lost_requests import RUN_KEY, lost_request
from mlops_core.defs.mutes import tell
from mlops_core.defs.promotion_history import newest_entry
from mlops_core.project import Project
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.defs.test_alerts import Channel
from my_mlops_stacks_tests.deployment.desk import materialized_by_a_run

FARES, TIPS = (replace(PROJECT, prefix=prefix) for prefix in ("fares", "tips"))
JOBS = {"tips_monitoring_job", "tips_promote_job"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def failing_job(name: str) -> dg.JobDefinition:
    @dg.job(name=name)
    def job() -> None:
        @dg.op
        def break_down() -> None:
            raise ValueError("no")

        break_down()

    return job


def failing_asset(*path: str) -> dg.AssetsDefinition:
    @dg.asset(key=list(path))
    def broken() -> None:
        raise ValueError("no")

    return broken


@pytest.fixture
def of_runs(instance: dg.DagsterInstance) -> tuple[dg.SensorDefinition, Channel, str]:
    """The sensor of TIPS, after its first tick."""
    channel, target = Channel(), load_target(PROJECT, environ={"BUNDLE_VAR_alert_channel": "teams"})
    (sensor,) = failure_sensors(TIPS, target, channel, JOBS)
    cursor = sensor(dg.build_sensor_context(instance)).cursor
    return sensor, channel, cursor


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ("tips_monitoring_job", ["tips_monitoring_job failed on local"]),
        ("monitoring_job", []),
        ("fares_monitoring_job", []),
        ("tips_eu_monitoring_job", []),
        ("tips_of_the_team_job", []),
    ],
)
def test_a_failed_run_is_told_by_the_project_whose_job_it_is(instance, of_runs, job: str, told: list[str]) -> None:
    sensor, channel, cursor = of_runs
    failing_job(job).execute_in_process(instance=instance, raise_on_error=False)
    sensor(dg.build_sensor_context(instance, cursor=cursor))
    assert [alert.title for alert in channel.taken] == told


@pytest.mark.parametrize(
    ("key", "about"), [(["tips", "trips"], ["tips/trips"]), (["tips_eu", "trips"], []), (["trips"], [])]
)
def test_a_run_that_materialize_started_is_told_by_the_project_whose_assets_it_makes(
    instance, of_runs, key: list[str], about: list[str]
) -> None:
    sensor, channel, cursor = of_runs
    job = dg.Definitions(assets=[failing_asset(*key)]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=[dg.AssetKey(key)])
    sensor(dg.build_sensor_context(instance, cursor=cursor))
    assert [alert.about[1] for alert in channel.taken] == about


@pytest.mark.parametrize(("prefix", "count"), [("tips", 1), ("tips_eu", 0)])
def test_a_run_of_a_check_alone_is_told_by_the_project_whose_check_it_is(
    instance, of_runs, prefix: str, count: int
) -> None:
    sensor, channel, cursor = of_runs
    check = dg.AssetCheckKey(dg.AssetKey([prefix, "trips"]), "few_trips_are_rejected")
    run = instance.add_run(dg.DagsterRun("__ASSET_JOB", asset_check_selection=frozenset([check])))
    instance.report_run_failed(run)
    sensor(dg.build_sensor_context(instance, cursor=cursor))
    assert len(channel.taken) == count


def test_without_a_prefix_every_run_of_the_code_location_is_told(instance) -> None:
    channel, target = Channel(), load_target(PROJECT, environ={"BUNDLE_VAR_alert_channel": "teams"})
    (sensor,) = failure_sensors(PROJECT, target, channel)
    cursor = sensor(dg.build_sensor_context(instance)).cursor
    for name in ("monitoring_job", "a_job_of_the_team"):
        failing_job(name).execute_in_process(instance=instance, raise_on_error=False)
    sensor(dg.build_sensor_context(instance, cursor=cursor))
    assert len(channel.taken) == 2


def test_a_project_tells_of_each_of_its_jobs(monkeypatch, instance) -> None:
    """Those that only schedules start, such as the maintenance, too."""
    channel = Channel()
    monkeypatch.setattr("mlops_core.defs.definitions.build_alerts", lambda target: channel)
    target = load_target(PROJECT, "dev", environ={"BUNDLE_VAR_alert_channel": "teams"})
    made = definitions_of(TIPS, target).get_repository_def()
    sensor, jobs = made.get_sensor_def("tips_run_failure_sensor"), {job.name for job in made.get_all_jobs()}
    cursor = sensor(dg.build_sensor_context(instance)).cursor
    for name in (own := sorted(name for name in jobs if not name.startswith("__"))):
        failing_job(name).execute_in_process(instance=instance, raise_on_error=False)
    for _ in range(2):  # a tick tells of ten at most
        cursor = sensor(dg.build_sensor_context(instance, cursor=cursor)).cursor
    assert sorted(alert.title for alert in channel.taken) == [f"{name} failed on dev" for name in own]


def test_a_violation_retrains_the_project_that_it_is_of(instance) -> None:
    target, sensors = load_target(PROJECT, environ={}), {}
    for project in (FARES, TIPS):
        made = definitions_of(project, target).get_repository_def()
        sensors[project.prefix] = made.get_sensor_def(f"{project.prefix}_retraining_sensor")
    check = check_key(TIPS, METRIC)
    violated = dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=False,
        metadata={"day": "2016-02-28", "values": {"2016-02-28": 9.0}},
        description="root_mean_squared_error is above 5",
    )
    instance.report_runless_asset_event(violated)
    asked = {name: sensor(dg.build_sensor_context(instance)) for name, sensor in sensors.items()}
    assert isinstance(asked["fares"], dg.SkipReason)
    (request,) = asked["tips"].run_requests
    assert list(request.run_config["ops"]) == ["tips__fare_model"]


def test_a_lost_request_is_that_of_its_own_job(instance) -> None:
    for job, status in {"fares_batch_inference_job": "FAILURE", "tips_batch_inference_job": "SUCCESS"}.items():
        made = failing_job(job)
        instance.create_run_for_job(made, tags={RUN_KEY: "by hand"}, status=dg.DagsterRunStatus[status])
    assert lost_request(instance, "tips_batch_inference_job", "by hand") is None
    assert lost_request(instance, "fares_batch_inference_job", "by hand").run.job_name == "fares_batch_inference_job"


def test_each_project_has_a_promotion_history_of_its_own(instance) -> None:
    """Also where two projects call their models by one name, as a copy of a project does."""
    for key, version in ((["fares", "champion"], 3), (["tips", "champion"], 5), (["champion"], 7)):
        entry = {"model_name": "fare_model", "version": version}
        materialized_by_a_run(instance, dg.AssetMaterialization(dg.AssetKey(key), metadata=entry))
    found = {
        project.prefix: newest_entry(project, instance, "fare_model").version for project in (FARES, TIPS, PROJECT)
    }
    assert found == {"fares": 3, "tips": 5, "": 7}


def test_a_mute_is_that_of_its_project(instance) -> None:
    mute = definitions_of(TIPS, load_target(PROJECT, environ={})).resolve_job_def("tips_mute_alerts_job")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    config = {"kind": "all", "name": "tips/predictions", "until": until, "muted_by": "Ada", "reason": "known"}
    mute.execute_in_process(run_config={"ops": {"tips__mute_alerts": {"config": config}}}, instance=instance)
    assert told(FARES, instance) and not told(TIPS, instance)
    (observed,) = instance.fetch_observations(dg.AssetKey(["tips", "predictions"]), limit=9).records
    assert "muted until" in observed.asset_observation.description


def told(project: Project, instance: dg.DagsterInstance) -> list[Alert]:
    channel = Channel()
    alert = Alert("1", "it failed", "no", kind="run_failure", about=("tips/predictions",))
    tell(project, dg.build_sensor_context(instance), channel, alert)
    return channel.taken
