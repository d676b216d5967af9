"""Every target's definitions load, lightly, and hold together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import with_fixed_rules

TARGETS = ("local", "dev", "test", "staging", "prod")
HEAVY = (
    "mlflow",
    "pyspark",
    "pysail",
    "pandas",
    "numpy",
    "lightgbm",
    "optuna",
    "sklearn",
    "matplotlib",
    "deltalake",
    "databricks",
)


DAYS_OF_THE_SAMPLE = {"first_day": "2016-01-01", "last_day": "2016-02-29", "first_predicted_day": "2016-02-15"}
OF_THE_SAMPLE = {f"BUNDLE_VAR_{name}": day for name, day in DAYS_OF_THE_SAMPLE.items()}
"""The days of the example, whatever a team has written."""


@pytest.fixture
def local() -> dg.Definitions:
    """Of the target whose predictions begin with its first day."""
    predicted = {"BUNDLE_VAR_first_predicted_day": "2016-01-01"}
    return definitions_of(PROJECT, with_fixed_rules(load_target(PROJECT, "local", environ=predicted)))


@pytest.mark.parametrize("name", TARGETS)
def test_everything_that_people_start_or_see_is_described(name):
    definitions = definitions_of(PROJECT, load_target(PROJECT, name, environ={}))
    repository = definitions.get_repository_def()
    named = [job for job in repository.get_all_jobs() if job.name != "__ASSET_JOB"]
    shown = [*named, *repository.schedule_defs, *repository.sensor_defs]
    assert [each.name for each in shown if not (each.description or "").strip()] == []
    graph = definitions.resolve_asset_graph()
    assets = {key.to_user_string(): graph.get(key).description for key in graph.get_all_asset_keys()}
    checks = {str(key): graph.get_check_spec(key).description for key in graph.asset_check_keys}
    assert [key for key, text in (assets | checks).items() if not (text or "").strip()] == []


@pytest.mark.parametrize("name", TARGETS)
def test_the_definitions_of_every_target_load(name):
    definitions = definitions_of(PROJECT, load_target(PROJECT, name, environ={}))
    dg.Definitions.validate_loadable(definitions)
    assets = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert assets == {
        "raw_trips",
        "trips",
        "rejected_trips",
        "trip_pickup_features",
        "trip_dropoff_features",
        "trip_price_features",
        "fare_model",
        "challenger",
        "champion",
        "predictions",
        "inference_profile_metrics",
        "inference_drift_metrics",
        "monitoring_report",
    }


def test_loading_the_local_code_location_imports_no_library_that_only_steps_need():
    code = f"""
import sys
import my_mlops_stacks.definitions as d
import dagster as dg
d.defs.load_fn() if hasattr(d.defs, "load_fn") else d.defs()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    environ = {key: value for key, value in os.environ.items() if key != "MLOPS_TARGET"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_asset_says_what_it_is(local):
    for spec in local.resolve_all_asset_specs():
        assert spec.description and spec.owners and spec.group_name != "default", spec.key
    made = [spec for spec in local.resolve_all_asset_specs() if spec.key != dg.AssetKey("raw_trips")]
    assert all(spec.kinds and spec.code_version for spec in made)


def test_what_blocks_and_what_does_not(local):
    graph = local.resolve_asset_graph()
    blocking = {
        f"{key.asset_key.to_user_string()}.{key.name}" for key in graph.asset_check_keys if graph.get(key).blocking
    }
    assert blocking == {
        "trips.few_trips_are_rejected",
        "trips.each_trip_is_accepted_once",
        "trip_pickup_features.keys_are_unique_and_not_null",
        "trip_dropoff_features.keys_are_unique_and_not_null",
        "trip_price_features.keys_are_unique_and_not_null",
        "fare_model.features_are_known_in_time",
        "fare_model.root_mean_squared_error_within_threshold",
        "fare_model.mean_absolute_error_within_threshold",
        "fare_model.r2_score_within_threshold",
        "fare_model.absolute_bias_within_threshold",
        "fare_model.candidate_beats_constant",
        "fare_model.features_do_no_harm",
        "fare_model.candidate_beats_champion",
        "challenger.predicts_what_the_champion_predicted",
        "predictions.each_trip_is_predicted_once",
    }


@pytest.mark.parametrize(("name", "running"), [("local", False), ("dev", False), ("test", False), ("prod", True)])
def test_schedules_run_where_the_target_says_so(name, running):
    target = load_target(PROJECT, name, environ={})
    definitions = definitions_of(PROJECT, target)
    workflows = {
        "feature_engineering_schedule": target.feature_engineering_workflow,
        "model_training_schedule": target.model_workflow,
        "batch_inference_schedule": target.batch_inference_workflow,
        "monitoring_schedule": target.monitoring_workflow,
    }
    for schedule, workflow in workflows.items():
        found = definitions.resolve_schedule_def(schedule)
        assert (found.cron_schedule, found.execution_timezone) == (workflow.cron_schedule, "UTC")
        assert (found.default_status == dg.DefaultScheduleStatus.RUNNING) is running


def tick(definitions: dg.Definitions, at: datetime):
    schedule = definitions.resolve_schedule_def("feature_engineering_schedule")
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=definitions.get_repository_def()
    ) as context:
        return schedule.evaluate_tick(context)


@pytest.mark.parametrize("name", ["feature_engineering_job", "batch_inference_job", "monitoring_job"])
def test_the_command_line_takes_a_range_of_days_as_one_run(local, name):
    """`dg launch --partition-range`, as in the runbook, refuses a job in which one asset has another policy."""
    graph = local.resolve_asset_graph()
    made = local.resolve_job_def(name).asset_layer.executable_asset_keys
    assert {graph.get(key).backfill_policy for key in made} == {dg.BackfillPolicy.single_run()}


def test_a_tick_materializes_the_day_that_ended(local):
    requests = tick(local, datetime(2016, 1, 6, 7, tzinfo=UTC)).run_requests
    assert [request.partition_key for request in requests] == ["2016-01-05"]


@pytest.fixture
def trainings(local, tmp_path) -> Iterator[Callable[[str], dg.RunRequest | str]]:
    """A function from a moment to what the training's tick asks for then, whose run is started, or why it does not."""
    schedule = local.resolve_schedule_def("model_training_schedule")
    job = local.resolve_job_def("model_training_job")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:

        def tick_at(moment: str) -> dg.RunRequest | str:
            at = datetime.fromisoformat(moment)
            with dg.build_schedule_context(
                instance=instance, scheduled_execution_time=at, repository_def=local.get_repository_def()
            ) as context:
                told = schedule.evaluate_tick(context)
            if not told.run_requests:
                return told.skip_message
            (request,) = told.run_requests
            tags = {
                "dagster/schedule_name": schedule.name,
                "dagster/run_key": request.run_key,
                ".dagster/scheduled_execution_time": at.isoformat(),
            }
            tick_at.run = instance.create_run_for_job(job, tags=tags)
            return request

        tick_at.instance = instance
        yield tick_at


def test_a_cron_that_moves_does_not_train_twice_that_day(trainings):
    first = trainings("2026-11-27T07:00:00+00:00")
    assert first.run_key == "fare_model 2026-11-27"
    run = trainings.run.run_id
    assert f"Run {run} trained on this day already" in trainings("2026-11-27T09:30:00+00:00")
    assert trainings("2026-11-27T07:00:00+00:00").run_key == first.run_key  # Dagster itself finds this tick's run
    assert trainings("2026-11-28T09:30:00+00:00").run_key != first.run_key


@pytest.mark.parametrize("end", ["report_run_failed", "report_run_canceled"])
def test_a_training_that_came_to_nothing_does_not_stop_a_later_one_that_day(trainings, end):
    trainings("2026-11-27T07:00:00+00:00")
    getattr(trainings.instance, end)(trainings.run)
    assert trainings("2026-11-27T09:30:00+00:00").run_key == "fare_model 2026-11-27"


@pytest.mark.parametrize("name", ["local", "staging"])
def test_every_schedule_asks_for_a_run_by_a_key_of_its_day(name, tmp_path):
    definitions = definitions_of(PROJECT, load_target(PROJECT, name, environ={"BUNDLE_VAR_last_day": ""}))
    repository, at = definitions.get_repository_def(), datetime.now(UTC)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for schedule in repository.schedule_defs:
            with dg.build_schedule_context(
                instance=instance, scheduled_execution_time=at, repository_def=repository
            ) as context:
                (request,) = schedule.evaluate_tick(context).run_requests
            assert str(at.date()) in request.run_key or str((at - timedelta(days=1)).date()) == request.run_key


def extent(local: dg.Definitions, day: str, instance: dg.DagsterInstance) -> tuple[str, str]:
    """The first and the last day of the run that the monitoring's tick on the evening after `day` asks for."""
    at = datetime.fromisoformat(f"{day}T18:00:00Z") + timedelta(days=1)
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=local.get_repository_def()
    ) as context:
        (request,) = local.resolve_schedule_def("monitoring_schedule").evaluate_tick(context).run_requests
    tags = (f"dagster/asset_partition_range_{end}" for end in ("start", "end"))
    return tuple(request.tags.get(tag, request.partition_key) for tag in tags)


def test_a_tick_of_the_monitoring_computes_the_days_again_whose_fares_arrive_late(local, tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        extents = [extent(local, f"2016-01-0{day}", instance) for day in (1, 2, 6)]
    assert extents == [("2016-01-01", "2016-01-01"), ("2016-01-01", "2016-01-02"), ("2016-01-04", "2016-01-06")]


@pytest.mark.parametrize(
    ("late", "first"),
    [
        ([], "2016-02-18"),
        (["2016-02-15", "2016-02-09"], "2016-02-09"),
        (["2016-02-15", "2016-02-01"], "2016-02-15"),  # the older one needs a person
        (["2016-02-19"], "2016-02-18"),
    ],
)
def test_a_tick_of_the_monitoring_goes_back_to_the_oldest_day_below_coverage(local, tmp_path, late, first):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("monitoring_report"),
                check_name="labels_arrive",
                passed=not late,
                metadata={"late_days": late},
            )
        )
        assert extent(local, "2016-02-20", instance) == (first, "2016-02-20")


def test_a_tick_before_the_first_predicted_day_is_skipped_with_the_key_to_change():
    target = load_target(PROJECT, "local", environ=OF_THE_SAMPLE)
    schedule = definitions_of(PROJECT, target).resolve_schedule_def("batch_inference_schedule")
    with dg.build_schedule_context(scheduled_execution_time=datetime(2016, 2, 15, 11, tzinfo=UTC)) as context:
        skipped = schedule.evaluate_tick(context).skip_message
    assert skipped.startswith("2016-02-14 is not a partition: they begin on 2016-02-15, as")
    assert "first_predicted_day in databricks.yml" in skipped


def test_a_tick_after_the_last_day_is_skipped_with_the_key_to_change(local):
    skipped = tick(local, datetime(2026, 1, 6, 7, tzinfo=UTC))
    assert not skipped.run_requests
    assert (
        "2026-01-05 is not a partition: they end on 2016-02-29; set last_day in databricks.yml" in skipped.skip_message
    )


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_target_on_databricks_tidies_up_after_every_way_a_run_can_end(name):
    definitions = definitions_of(PROJECT, load_target(PROJECT, name, environ={}))
    [sensor] = [sensor for sensor in definitions.sensors if sensor.name == "tear_down_sensor"]
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert definitions.resolve_schedule_def("staging_clean_up_schedule").job_name == "staging_clean_up_job"


SENSORS = {"arrival_sensor", "champion_sensor", "freshness_sensor", "retraining_sensor", "tick_failure_sensor"}


@pytest.mark.parametrize(
    ("channel", "environ", "sensors"),
    [
        ("none", {}, SENSORS),
        (
            "teams",
            {"ALERT_TEAMS_WEBHOOK_URL": "https://example.invalid/hook"},
            {*SENSORS, "run_failure_sensor"},
        ),
        (
            "email",
            {
                "ALERT_EMAIL_FROM": "a@example.invalid",
                "ALERT_EMAIL_PASSWORD": "x",
                "ALERT_EMAIL_TO": "b@example.invalid",
                "ALERT_SMTP_HOST": "smtp.example.invalid",
            },
            {*SENSORS, "run_failure_sensor"},
        ),
    ],
)
def test_failures_are_told_through_the_targets_channel(monkeypatch, channel, environ, sensors):
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    target = load_target(PROJECT, "local", environ={"BUNDLE_VAR_alert_channel": channel})
    assert {sensor.name for sensor in definitions_of(PROJECT, target).sensors} == sensors


def test_a_cluster_loads_the_definitions_without_the_channels_secret(monkeypatch):
    monkeypatch.delenv("ALERT_TEAMS_WEBHOOK_URL", raising=False)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "client.5.0")
    definitions_of(PROJECT, load_target(PROJECT, "staging", environ={"BUNDLE_VAR_alert_channel": "teams"}))


def test_a_channel_without_its_secret_is_refused(monkeypatch):
    monkeypatch.delenv("ALERT_TEAMS_WEBHOOK_URL", raising=False)
    target = load_target(PROJECT, "local", environ={"BUNDLE_VAR_alert_channel": "teams"})
    with pytest.raises(ValueError, match="set the environment variable ALERT_TEAMS_WEBHOOK_URL"):
        definitions_of(PROJECT, target)
