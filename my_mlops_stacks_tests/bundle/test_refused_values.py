"""Every way to get a value of a target wrong, and what is right at the edge of it."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from dagster._core.definitions.utils import is_valid_owner
from dagster._utils.schedules import is_valid_cron_schedule
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlops_core.config import TargetError, Workflow, load_target
from mlops_core.config.target_loading import variables_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.bundle.edits import MODEL, MONITORING, ROOT, edit, message, override

A_NAME = "it should be a name of Unity Catalog, without a blank, a period, a slash or any of ' # % ? : @"

# One line among the variables of the target dev, and what is said of it after "databricks.yml: targets.dev.variables.".
VALUE_ERRORS = {
    "promotion: manual": "promotion is 'manual', but it should be 'automatic', 'approval' or 'pipeline'.",
    "retention_days: 3": "retention_days is 3, but it should be greater than or equal to 7.",
    "secrets: {WORD: hunter2}": "secrets.WORD is [secret], but it should be a secret's place, scope/key.",
    "model_sources: {fare_model: ''}": (
        "model_sources is {'fare_model': ''}, but 'fare_model' should be a model's full name, catalog.schema.model."
    ),
    "model_sources: {staging.s.fares: 'databricks://a b'}": (
        "model_sources.staging.s.fares is 'databricks://a b', but it should be databricks://<profile>, an https "
        "address without credentials, or empty."
    ),
    "decided_by: nobody": "decided_by is 'nobody', but it should be 'typed' or 'signed_in'.",
    "endpoint: {workload_size: Small}": (
        "endpoint.name is missing: the mapping states the keys name, and may state workload_size, scale_to_zero, "
        "timeout_minutes, canary_percent, canary_minutes, sample_rows, moved_by_hand, online_store."
    ),
    "endpoint: {name: fare model}": (
        "endpoint.name is 'fare model', but it should be at most 63 letters, digits, dashes and underscores, as the "
        "endpoints' names are."
    ),
    "endpoint: {name: fare, canary_percent: 60}": (
        "endpoint.canary_percent is 60, but it should be less than or equal to 50."
    ),
    "endpoint: {name: fare, online_store: {name: fares, size: 2}}": (
        "endpoint.online_store.size is an unknown key: the mapping states the keys name, and may state capacity."
    ),
    "prices: {dbu: 1.0}": (
        "prices.dbu is an unknown key: the mapping states exactly the keys dbu_per_hour, machine_price_per_hour, "
        "price_per_dbu, serverless_price_per_dbu, currency."
    ),
    "prices: {dbu_per_hour: {Standard_D4ds_v5: -1.0}}": (
        "prices.dbu_per_hour.Standard_D4ds_v5 is -1.0, but it should be greater than or equal to 0."
    ),
    "platform: azure": "platform is 'azure', but it should be 'local' or 'databricks'.",
    "step_launcher: pipes": (
        "step_launcher is 'pipes', but it should be 'none', 'unity_catalog' or 'databricks_pyspark'."
    ),
    "schedules: on": "schedules is 'on', but it should be 'running' or 'stopped'.",
    "start: clock": "start is 'clock', but it should be 'schedule' or 'arrival'.",
    "alert_channel: slack": "alert_channel is 'slack', but it should be 'none', 'teams' or 'email'.",
    'catalog: ""': "catalog is empty, but a target of the platform databricks needs a value.",
    'trips_table: ""': "trips_table is empty, but a target of the platform databricks needs a value.",
    "schema: [a]": "schema is ['a'], but it should be a valid string.",
    "schema: {a: 1}": "schema is {'a': 1}, but it should be one value, not a mapping.",
    "schema: fare.model": f"schema is 'fare.model', but {A_NAME}.",
    "schema: fare model": f"schema is 'fare model', but {A_NAME}.",
    "model_name: fare@champion": f"model_name is 'fare@champion', but {A_NAME}.",
    'schema: ""': f"schema is empty, but {A_NAME}.",
    "trips_table: trips": "trips_table is 'trips', but it should be a table's full name, catalog.schema.table.",
    "first_day: 01/02/2016": "first_day is '01/02/2016', but it should be a day as YYYY-MM-DD.",
    "first_day: 20160101": "first_day is 20160101, but it should be a day as YYYY-MM-DD.",
    'first_day: ""': "first_day is empty, but it should be a day as YYYY-MM-DD.",
    "first_day: 2016-01-01\nlast_day: 2015-12-31": (
        "last_day is 2015-12-31, but it should not be before first_day, 2016-01-01."
    ),
    "first_day: 2016-01-01\nlast_day: 2016-02-29\nfirst_predicted_day: 2015-12-31": (
        "first_predicted_day is 2015-12-31, but it should not be before first_day, 2016-01-01."
    ),
    "first_day: 2016-01-01\nlast_day: 2016-02-29\nfirst_predicted_day: 2016-03-01": (
        "first_predicted_day is 2016-03-01, but it should not be after last_day, 2016-02-29."
    ),
    "owner: ml-platform": "owner is 'ml-platform', but it should be an email address or 'team:' and a team's name.",
    'experiment: ""': "experiment is empty, but it should have at least 1 character.",
    "model_workflow: fast": "model_workflow is 'fast', but it should be a mapping, because the variable is complex.",
    "batch_inference_workflow: {cron_schedule: 0 7 * *}": (
        "batch_inference_workflow.cron_schedule is '0 7 * *', but it should be five cron fields such as '0 7 * * *' "
        "(daily at 07:00 UTC)."
    ),
    "schema: ${var.schema}": "schema refers to itself: var.schema > var.schema.",
    "schema: a_${var.model_name}\nmodel_name: b_${var.schema}": (
        "model_name refers to itself: var.schema > var.model_name > var.schema."
    ),
    "feature_engineering_workflow: {cron_schedule: 0 7 * * *, late_days: 30, max_age_hours: {trip: 36}}": (
        "feature_engineering_workflow.max_age_hours.trip is an unknown event table: those of the project are trips."
    ),
    "feature_engineering_workflow: {cron_schedule: 0 7 * * *, late_days: 30, max_age_hours: {trips: 0}}": (
        "feature_engineering_workflow.max_age_hours.trips is 0, but it should be greater than 0."
    ),
    "feature_engineering_workflow: {cron_schedule: 0 7 * * *, late_days: 30, max_age_hours: {trips: a day}}": (
        "feature_engineering_workflow.max_age_hours.trips is 'a day', but it should be a valid number."
    ),
    "feature_engineering_workflow: {cron_schedule: 0 7 * * *, late_days: 30, max_age_hours: 36}": (
        "feature_engineering_workflow.max_age_hours is 36, but it should be a valid mapping."
    ),
    "schema: dev_${workspace.current_user.short_name}": (
        "schema refers to ${workspace.current_user.short_name}; without a workspace, only var.platform, var.catalog, "
        "var.schema, var.trips_table, var.trips_times, var.first_day, var.last_day, "
        "var.first_predicted_day, var.state_folder, var.ui_port, var.step_launcher, var.compute, var.prices, "
        "var.secrets, var.schedules, var.start, var.owner, var.model_name, var.experiment, var.retention_days, "
        "var.promotion, var.decided_by, var.model_sources, var.rescore_days, var.endpoint, "
        "var.staging_volume_name, var.alert_channel, var.batch_inference_workflow, "
        "var.feature_engineering_workflow, var.model_workflow, var.monitoring_workflow, bundle.name, bundle.target are "
        "known."
    ),
    "schema: ${var.model_name": "schema is '${var.model_name', but a reference in it has no closing brace.",
}


@pytest.mark.parametrize(("lines", "sentence"), VALUE_ERRORS.items(), ids=VALUE_ERRORS)
def test_a_wrong_value_is_refused(folder: Path, lines: str, sentence: str) -> None:
    override(folder, "dev", lines)
    assert message(folder, "dev") == f"databricks.yml: targets.dev.variables.{sentence}"


@pytest.mark.parametrize("address", ["https://host/x?sig=swordfish", "https://swordfish@host/x", "Pwd=swordfish;x"])
def test_a_secret_in_a_value_is_in_no_sentence_about_it(folder: Path, address: str) -> None:
    """Whichever variable somebody writes it to, in the environment or the files."""
    refused = []
    for name in variables_of(PROJECT):
        try:
            load_target(PROJECT, "dev", environ={f"BUNDLE_VAR_{name}": address}, folder=folder)
        except TargetError as error:
            refused.append("".join(traceback.format_exception(error)))
    override(folder, "dev", f"trips_table: {address!r}")
    refused.append(message(folder, "dev"))
    assert len(refused) > 12
    assert not any("swordfish" in said for said in refused)


def test_an_environment_whose_path_alembic_misreads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/home/me/50% app/.venv")
    with pytest.raises(
        TargetError, match="can't be installed in /home/me/50% app/.venv: alembic takes the percent sign"
    ):
        _ = load_target(PROJECT, "local").state_path


@pytest.mark.parametrize(("name", "fault"), [("50%20off", "%20"), ("a\\b", "\\")])
def test_a_state_folder_that_deltalake_takes_for_another_is_refused(tmp_path: Path, name: str, fault: str) -> None:
    target = load_target(PROJECT, "local", environ={"BUNDLE_VAR_state_folder": str(tmp_path / name)})
    with pytest.raises(TargetError) as refused:
        _ = target.state_path
    assert str(refused.value) == (
        f"Delta tables can't lie in {tmp_path / name}: deltalake takes '{fault}' in its name for another character. "
        "Rename the folder, or set state_folder to one elsewhere."
    )


def test_the_local_platform_needs_a_state_folder(folder: Path) -> None:
    edit(folder, ROOT, "      state_folder: .local\n", "")
    assert message(folder) == (
        "databricks.yml: variables.state_folder is empty, but a target of the platform local needs a value."
    )


# A changed line of a workflow's file, and what is said of it after the file's name and ": variables.".
WORKFLOW_ERRORS = {
    (MODEL, "run_mode: .*", "run_mode: on"): (
        "model_workflow.run_mode is 'on', but it should be 'enabled', 'dry_run' or 'disabled'."
    ),
    (MODEL, "holdout_days: .*", "holdout_days: 0"): (
        "model_workflow.holdout_days is 0, but it should be greater than 0."
    ),
    (MODEL, "holdout_days: .*", "holdout_days: two weeks"): (
        "model_workflow.holdout_days is 'two weeks', but it should be a valid integer."
    ),
    (MODEL, "holdout_days: .*", "holdout_days:"): (
        "model_workflow.holdout_days is empty, but it should be a valid integer."
    ),
    (MODEL, "enable_baseline_comparison: .*", "enable_baseline_comparison: never"): (
        "model_workflow.enable_baseline_comparison is 'never', but it should be a valid boolean."
    ),
    (
        MODEL,
        "hyperparameters: .*",
        "hyperparameters: {num_leaves: 1}",
    ): "model_workflow.hyperparameters.num_leaves is 1, but it should be greater than 1.",
    (MODEL, "hyperparameters: .*", "hyperparameters: {learning_rate: .nan}"): (
        "model_workflow.hyperparameters.learning_rate is nan, but it should be greater than 0."
    ),
    (MODEL, "cron_schedule: .*", "cron_schedule: 0 24 * * *"): (
        "model_workflow.cron_schedule is '0 24 * * *', but it should be five cron fields such as '0 7 * * *' "
        "(daily at 07:00 UTC)."
    ),
    (MONITORING, "num_evaluation_windows: .*\n.*", "num_evaluation_windows: 5\n      num_violation_windows: 6"): (
        "monitoring_workflow.num_violation_windows is 6, but it should be at most num_evaluation_windows, 5."
    ),
    (MONITORING, "type: complex", "type: complex\n    lookup: {job: x}"): (
        "monitoring_workflow is looked up in the workspace, which only the bundle CLI does: write the value, or set "
        "BUNDLE_VAR_monitoring_workflow."
    ),
    (MODEL, r"default:\n( +.*\n?)+", "default: fast\n"): (
        "model_workflow is 'fast', but it should be a mapping, because the variable is complex."
    ),
}


@pytest.mark.parametrize(("change", "sentence"), WORKFLOW_ERRORS.items())
def test_a_wrong_workflow_is_refused(folder: Path, change: tuple[str, str, str], sentence: str) -> None:
    edit(folder, *change)
    assert message(folder) == f"{change[0]}: variables.{sentence}"


def test_a_wrong_value_of_the_environment_names_its_variable(folder: Path) -> None:
    assert message(folder, environ={"BUNDLE_VAR_first_day": "yesterday"}) == (
        "The environment's BUNDLE_VAR_first_day is 'yesterday', but it should be a day as YYYY-MM-DD."
    )


# ---- Dagster is the one that will read the schedules and the owners


@pytest.mark.parametrize("cron", ["0 7 * * *", "5 8 * * MON-FRI", "30 0 1,15 JAN *", "0 0 29 2 *", "0 0 * * 7"])
def test_usual_schedules_are_accepted(cron: str) -> None:
    assert Workflow(cron_schedule=cron).cron_schedule == cron
    assert is_valid_cron_schedule(cron)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "@daily",
        "0 7 * *",
        "0 0 7 * * *",
        "60 * * * *",
        "0 0 30 2 *",
        "0 0 30 2 0",
        "0 0 LW * *",
        "0 0 * * 5L",
        "0 0 * * 1#5,2",
    ],
)
def test_schedules_that_are_not_five_plain_fields_are_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="five cron fields"):
        Workflow(cron_schedule=cron)


@pytest.mark.parametrize("cron", ["0 */6 * * *", "0,30 7 * * *", "* * * * *", "0 9,15 * * MON"])
def test_a_schedule_with_several_ticks_a_day_is_refused_for_a_day_runs_once(cron: str) -> None:
    with pytest.raises(ValidationError, match="it should have one tick a day"):
        Workflow(cron_schedule=cron)


ATOM = st.integers(0, 32).map(str) | st.sampled_from(["*", "*", "MON", "sun", "JUL", "L", "5L", "1#2"])
FIELD = st.lists(ATOM, min_size=1, max_size=4).flatmap(
    lambda atoms: st.lists(st.sampled_from(",-/"), min_size=len(atoms), max_size=len(atoms)).map(
        lambda separators: "".join(map("".join, zip(atoms, separators, strict=True)))[:-1]
    )
)


@settings(deadline=None)
@given(st.lists(st.just("*") | FIELD, min_size=5, max_size=5).map(" ".join))
def test_a_schedule_that_is_accepted_is_one_for_dagster(cron: str) -> None:
    try:
        Workflow(cron_schedule=cron)
    except ValidationError:
        return
    assert is_valid_cron_schedule(cron)


@pytest.mark.parametrize("owner", ["team:ml-platform", "ada.lovelace@example.com", "a+b@mail.example.co.uk"])
def test_an_owner_is_one_for_dagster(owner: str) -> None:
    assert load_target(PROJECT, environ={"BUNDLE_VAR_owner": owner}).owner == owner
    assert is_valid_owner(owner)


@pytest.mark.parametrize("owner", ["team:", "ada", "ada@example", "@example.com", "team:ml platform"])
def test_what_is_no_owner_is_refused(folder: Path, owner: str) -> None:
    assert "it should be an email address or 'team:'" in message(folder, environ={"BUNDLE_VAR_owner": owner})
