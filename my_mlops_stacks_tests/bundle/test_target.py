"""Targets: the values of the files that the project ships, and how they are overridden."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from mlops_core.config import ModelTarget, MonitoringWorkflow, TargetError, load_target
from mlops_core.defs.partitions import daily_partitions, predicted_partitions
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.bundle.edits import MODEL, TARGETS, edit, message, override


def test_local_is_the_default_and_complete() -> None:
    target = load_target(PROJECT, environ={})

    assert target.name == "local"
    assert (target.platform, target.step_launcher, target.schedules) == ("local", "none", "stopped")
    assert (target.first_day, target.last_day) == (date(2016, 1, 1), date(2016, 2, 29))
    assert (target.sources["trips"].table, target.workspace_host, target.alert_channel) == (None, None, "none")
    assert target.state_path == PROJECT.folder.parent / ".local"
    assert target.registered_model == "fare_model"
    assert target.experiment == "my_mlops_stacks"
    with pytest.raises(TargetError, match="The target local has no staging volume"):
        _ = target.staging_volume


@pytest.mark.parametrize(
    ("name", "schedules"), [("dev", "stopped"), ("test", "stopped"), ("staging", "running"), ("prod", "running")]
)
def test_targets_on_databricks(name: str, schedules: str) -> None:
    target = load_target(PROJECT, environ={"MLOPS_TARGET": name})

    assert (target.name, target.platform, target.schedules) == (name, "databricks", schedules)
    assert target.sources["trips"].table is not None
    assert target.step_launcher == "unity_catalog"
    assert target.workspace_host is not None
    with pytest.raises(TargetError, match=f"The target {name} has no state_folder"):
        _ = target.state_path


def test_names_on_databricks_are_full_ones() -> None:
    names = {"catalog": "lake", "schema": "fares", "model_name": "fare", "staging_volume_name": "stage"}
    target = load_target(PROJECT, "prod", environ={f"BUNDLE_VAR_{key}": value for key, value in names.items()})

    assert target.registered_model == "lake.fares.fare"
    assert target.staging_volume == "/Volumes/lake/fares/stage"


def test_two_targets_share_no_schema_and_no_experiment() -> None:
    targets = [load_target(PROJECT, name, environ={}) for name in TARGETS if name != "local"]
    assert len({(target.catalog, target.schema_name) for target in targets}) == len(targets)
    assert len({target.experiment for target in targets}) == len(targets)


@pytest.mark.parametrize("name", TARGETS)
def test_workflows_keep_the_parameters_of_mlops_stacks(name: str) -> None:
    target = load_target(PROJECT, name, environ={})

    assert target.feature_engineering_workflow.model_dump().keys() == {
        "cron_schedule",
        "late_days",
        "max_age_hours",
    }
    assert target.batch_inference_workflow.model_dump().keys() == {"cron_schedule"}
    assert target.model_workflow.model_dump().keys() > {"cron_schedule", "run_mode", "enable_baseline_comparison"}
    assert target.monitoring_workflow.model_dump().keys() > {
        "cron_schedule",
        "metric_to_monitor",
        "metric_violation_threshold",
        "num_evaluation_windows",
        "num_violation_windows",
    }


def test_a_target_is_frozen() -> None:
    target = load_target(PROJECT, environ={})
    with pytest.raises(ValidationError, match="frozen"):
        target.catalog = "prod"


def test_the_argument_wins_over_mlops_target() -> None:
    assert load_target(PROJECT, "staging", environ={"MLOPS_TARGET": "prod"}).name == "staging"


# ---- where a value comes from


def test_the_environment_overrides_a_variable_of_any_target() -> None:
    environ = {"BUNDLE_VAR_schema": "fares_of_ada", "BUNDLE_VAR_last_day": ""}
    target = load_target(PROJECT, "dev", environ=environ)

    assert target.schema_name == "fares_of_ada"
    assert target.last_day is None


def test_the_target_wins_over_the_default_and_the_environment_over_both(folder: Path) -> None:
    override(folder, "dev", "model_name: from_target")

    assert load_target(PROJECT, "test", environ={}, folder=folder).model_name == "fare_model"
    assert load_target(PROJECT, "dev", environ={}, folder=folder).model_name == "from_target"
    assert load_target(PROJECT, "dev", environ={"BUNDLE_VAR_model_name": "mine"}, folder=folder).model_name == "mine"


@pytest.mark.parametrize("lines", ["cron_schedule: 30 6 * * *", "type: complex\ndefault:\n  cron_schedule: 30 6 * * *"])
def test_a_complex_override_has_a_short_and_a_full_form(folder: Path, lines: str) -> None:
    override(folder, "dev", "batch_inference_workflow:\n" + "\n".join(f"  {line}" for line in lines.splitlines()))

    target = load_target(PROJECT, "dev", environ={}, folder=folder)
    assert target.batch_inference_workflow.cron_schedule == "30 6 * * *"
    shipped = load_target(PROJECT, "prod", environ={}).batch_inference_workflow
    assert load_target(PROJECT, "prod", environ={}, folder=folder).batch_inference_workflow == shipped


def test_a_complex_override_replaces_the_whole_mapping(folder: Path) -> None:
    override(folder, "dev", "model_workflow:\n  cron_schedule: 0 9 * * *\n  holdout_days: 7")

    assert message(folder, "dev") == (
        "databricks.yml: targets.dev.variables.model_workflow.run_mode is missing: the mapping states the keys "
        "cron_schedule, run_mode, enable_baseline_comparison, holdout_days, hyperparameters, and may state "
        "features_as_served, search, search_trials, search_minutes."
    )


def test_references_are_replaced_wherever_they_stand(folder: Path) -> None:
    override(folder, "dev", "owner: team:${var.alert_channel}\nmodel_name: ${var.schema}")
    override(folder, "dev", "batch_inference_workflow:\n  cron_schedule: ${var.state_folder}")
    target = load_target(PROJECT, "dev", environ={"BUNDLE_VAR_state_folder": "1 2 * * *"}, folder=folder)

    assert target.owner == "team:none"
    assert target.model_name == "my_mlops_stacks"
    assert target.batch_inference_workflow.cron_schedule == "1 2 * * *"


def test_a_value_of_the_environment_may_refer_to_variables() -> None:
    target = load_target(PROJECT, "dev", environ={"BUNDLE_VAR_experiment": "/Shared/${var.schema}/${bundle.target}"})
    assert target.experiment == "/Shared/my_mlops_stacks/dev"


def test_numbers_and_days_read_as_the_bundle_cli_reads_them(folder: Path) -> None:
    edit(folder, MODEL, "hyperparameters: .*", "hyperparameters: {learning_rate: 5e-2}")
    override(folder, "local", "first_day: 2016-01-05")
    target = load_target(PROJECT, environ={}, folder=folder)

    assert PROJECT.model.training.hyperparameters(**target.model_workflow.hyperparameters).learning_rate == 0.05
    assert target.first_day == date(2016, 1, 5)


def test_models_can_be_built_without_files() -> None:
    window = {"cron_schedule": "0 18 * * *", "metric_to_monitor": "bias", "metric_violation_threshold": 1}
    retraining = {"cooldown_days": 0, "max_retrainings": 1, "retraining_days": 0}
    labels = {"minimum_coverage": 1, "minimum_count": 1, "label_delay_days": 0}
    workflow = MonitoringWorkflow(**window, **labels, **retraining, num_evaluation_windows=1, num_violation_windows=1)
    target = ModelTarget.model_validate(
        load_target(PROJECT, environ={}).model_dump() | {"monitoring_workflow": workflow}
    )
    assert target.monitoring_workflow.metric_violation_threshold == 1.0


def test_the_newest_day_is_that_of_the_newest_partition() -> None:
    """Asked before and after, for a day may end meanwhile."""
    target = load_target(PROJECT, "local")
    assert target.newest_day == date(2016, 2, 29)
    growing = target.model_copy(update={"last_day": None})
    before, newest = growing.newest_day, daily_partitions(growing).get_last_partition_key()
    assert newest in (before.isoformat(), growing.newest_day.isoformat())


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({}, "2016-02-15"),  # the newest 15 of the days up to the 29th are held out
        ({"first_day": "2016-02-20"}, "2016-02-20"),
        ({"last_day": ""}, "2016-01-01"),
        ({"first_predicted_day": "2016-02-01"}, "2016-02-01"),
        ({"first_predicted_day": "2016-02-01", "last_day": ""}, "2016-02-01"),
    ],
)
def test_predictions_begin_where_a_first_training_ends_or_where_the_target_says(variables, first) -> None:
    given = {"first_day": "2016-01-01", "last_day": "2016-02-29"} | variables
    target = load_target(PROJECT, "local", environ={f"BUNDLE_VAR_{name}": value for name, value in given.items()})
    target = target.model_copy(update={"model_workflow": target.model_workflow.model_copy(update={"holdout_days": 15})})
    assert predicted_partitions(target).get_first_partition_key() == first
    assert predicted_partitions(target).get_last_partition_key() == daily_partitions(target).get_last_partition_key()
