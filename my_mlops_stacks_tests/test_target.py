"""Targets: the values of the files that the project ships, how they are overridden, and every way to get them wrong."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from dagster._core.definitions.utils import is_valid_owner
from dagster._utils.schedules import is_valid_cron_schedule
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlops_core.config import MonitoringWorkflow, Target, TargetError, Workflow, load_target
from mlops_core.defs.partitions import daily_partitions, predicted_partitions
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.repository import RESOURCE_FILES

TARGETS = ["local", "dev", "test", "staging", "prod"]
ROOT = "databricks.yml"
MODEL = "resources/model-workflow-resource.yml"
MONITORING = "resources/monitoring-workflow-resource.yml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundle's files, to edit."""
    shutil.copy(PROJECT.folder / ROOT, tmp_path)
    (tmp_path / "resources").mkdir()
    for name in RESOURCE_FILES:
        shutil.copy(PROJECT.folder / "resources" / name, tmp_path / "resources")
    return tmp_path


def edit(folder: Path, file: str, pattern: str, new: str) -> None:
    """Replace the first match of a file, which must be there; a pattern leaves open what a team may tune."""
    text, found = re.subn(pattern, lambda _: new, (folder / file).read_text(), count=1)
    assert found
    (folder / file).write_text(text)


def override(folder: Path, target: str, lines: str) -> None:
    """Put `lines` among the variables of a target, in the place of what it says of the same variables."""
    before, after = (folder / ROOT).read_text().split(f"\n  {target}:\n")
    for name in re.findall(r"^\w+", lines, re.MULTILINE):
        after = re.sub(rf"      {name}: .*\n", "", after, count=1)
    indented = "".join(f"      {line}\n" for line in lines.splitlines())
    after = after.replace("    variables:\n", f"    variables:\n{indented}", 1)
    (folder / ROOT).write_text(f"{before}\n  {target}:\n{after}")


def message(folder: Path, name: str = "local", environ: dict[str, str] | None = None) -> str:
    """The sentence with which loading the target fails."""
    with pytest.raises(TargetError) as error:
        load_target(PROJECT, name, environ=environ or {}, folder=folder)
    sentence = str(error.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


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

    assert target.feature_engineering_workflow.model_dump().keys() == {"cron_schedule", "late_days"}
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
        "databricks.yml: targets.dev.variables.model_workflow.run_mode is missing: the mapping states exactly the keys "
        "cron_schedule, run_mode, enable_baseline_comparison, holdout_days, hyperparameters."
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


# ---- every way to get it wrong

BUNDLE_ERRORS = {
    "blank value": (
        (ROOT, r"catalog: \w+", "catalog:"),
        "databricks.yml: targets.dev.variables.catalog has no value for the target dev: set "
        "targets.dev.variables.catalog in databricks.yml, or BUNDLE_VAR_catalog.",
    ),
    "value stated nowhere": (
        (ROOT, r"catalog: \w+\n", "owner: team:x\n"),
        "databricks.yml: variables.catalog has no value for the target dev: set "
        "targets.dev.variables.catalog in databricks.yml, or BUNDLE_VAR_catalog.",
    ),
    "override of an undeclared variable": (
        (ROOT, r"catalog: \w+", "catalogue: dev"),
        "databricks.yml: targets.dev.variables has the unknown key catalogue; valid keys are platform, catalog, "
        "schema, trips_table, trips_times, first_day, last_day, first_predicted_day, state_folder, ui_port, "
        "step_launcher, compute, prices, secrets, schedules, owner, model_name, experiment, retention_days, promotion, "
        "rescore_days, "
        "staging_volume_name, alert_channel, batch_inference_workflow, "
        "feature_engineering_workflow, model_workflow, monitoring_workflow.",
    ),
    "misspelt section": (
        (ROOT, "  dev:\n    default: true", "  dev:\n    presents: {}\n    default: true"),
        "databricks.yml: targets.dev has the unknown key presents; valid keys are artifacts, bundle, cluster_id, "
        "compute_id, default, git, mode, permissions, presets, resources, run_as, sync, variables, workspace.",
    ),
    "unknown key of a declaration": (
        (ROOT, "default: fare_model", "defualt: fare_model"),
        "databricks.yml: variables.model_name has the unknown key defualt; valid keys are description, type, default, "
        "lookup.",
    ),
    "reference in the host": (
        (ROOT, "host: .*", "host: ${var.catalog}"),
        "databricks.yml: targets.dev.workspace.host is '${var.catalog}', but the bundle CLI resolves no reference "
        "there: write the URL.",
    ),
    "no host": (
        (ROOT, "host: .*", "host:"),
        "databricks.yml: targets.dev.workspace.host is empty, but a target of the platform databricks needs a value: "
        "write its URL, name a profile, or set DATABRICKS_HOST.",
    ),
    "no bundle name": (
        (ROOT, "  name: my_mlops_stacks\n", ""),
        "databricks.yml: bundle.name is missing: give the bundle a name.",
    ),
    "include that matches nothing": (
        (ROOT, r"resources/\*", "resource/*"),
        "resources/feature-engineering-workflow-resource.yml: variables.feature_engineering_workflow is missing: "
        "declare it, in a file that databricks.yml includes.",
    ),
    "included file that is not there": (
        (ROOT, r"- resources/\*", "- resources/jobs"),
        "databricks.yml: include has resources/jobs.yml, but no file of {folder} matches it.",
    ),
    "include that is no list": (
        (ROOT, r"include:\n  - ", "include: "),
        "databricks.yml: include is 'resources/*.yml', but it should be a list of patterns.",
    ),
    "file that is not included": (
        (ROOT, r"- resources/\*", "- resources/m*"),
        "resources/feature-engineering-workflow-resource.yml: variables.feature_engineering_workflow is missing: "
        "declare it, in a file that databricks.yml includes.",
    ),
    "unknown key of a workflow": (
        (MODEL, "holdout_days", "hold_out_days"),
        "resources/model-workflow-resource.yml: variables.model_workflow.hold_out_days is an unknown key: the mapping "
        "states exactly the keys cron_schedule, run_mode, enable_baseline_comparison, holdout_days, "
        "hyperparameters.",
    ),
    "one key too many": (
        (MODEL, "      hyperparameters: ", "      depth: 3\n      hyperparameters: "),
        "resources/model-workflow-resource.yml: variables.model_workflow.depth is an unknown key: the mapping states "
        "exactly the keys cron_schedule, run_mode, enable_baseline_comparison, holdout_days, "
        "hyperparameters.",
    ),
    "not a mapping": (
        (ROOT, "targets:\n", "targets: []\nbundle_targets:\n"),
        "databricks.yml: targets is [], but it should be a mapping.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), BUNDLE_ERRORS.values(), ids=BUNDLE_ERRORS)
def test_a_malformed_bundle_is_refused(folder: Path, change: tuple[str, str, str], sentence: str) -> None:
    edit(folder, *change)
    assert message(folder, "dev") == sentence.replace("{folder}", str(folder))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: 1\nb: [1\n", "{file}, line 3, is not valid YAML: did not find expected ',' or ']'."),
        (b"a: 1\nb:\n  c: 1\n  c: 2\n", "{file}, line 4, is not valid YAML: the key c is written twice."),
        (
            b"a: 1\nb: !!python/name:os.system\n",
            "{file}, line 2, is not valid YAML: could not determine a constructor ",
        ),
        (b"a: 1\nb: \x00\n", "{file} is not valid YAML: unacceptable character #x0000: control characters are not "),
        (b"a: \xff\n", "{file} is not valid YAML: unacceptable character #x00ff: invalid leading UTF-8 octet "),
        (b"- a\n", "{file} is ['a'], but it should be a mapping."),
        (b"", "{file}: variables.monitoring_workflow is missing: declare it, in a file that databricks.yml includes."),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_refused(folder: Path, content: bytes, sentence: str) -> None:
    (folder / MONITORING).write_bytes(content)
    assert message(folder).startswith(sentence.replace("{file}", MONITORING))


def test_a_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / MONITORING).unlink()
    assert message(folder) == f"{MONITORING} is missing: it declares the variable monitoring_workflow."
    (folder / ROOT).unlink()
    assert message(folder) == f"databricks.yml can't be read from {tmp_path}: No such file or directory."


@pytest.mark.parametrize("name", ["prd", "", "Prod"])
def test_an_unknown_target_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(TargetError) as error:
        load_target(PROJECT, environ={"MLOPS_TARGET": name})
    assert str(error.value) == (
        f"databricks.yml has no target {name!r}: MLOPS_TARGET should be one of local, dev, test, staging, prod."
    )


def test_a_complex_variable_is_not_overridden_by_the_environment(folder: Path) -> None:
    assert message(folder, environ={"BUNDLE_VAR_model_workflow": "{}"}) == (
        "BUNDLE_VAR_model_workflow can't set model_workflow, a complex variable of "
        "resources/model-workflow-resource.yml: override it in databricks.yml under targets."
    )


def test_overrides_that_only_the_bundle_cli_reads_are_refused(folder: Path) -> None:
    file = folder / ".databricks" / "bundle" / "dev" / "variable-overrides.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"schema": "other"}')

    assert message(folder, "dev") == (
        ".databricks/bundle/dev/variable-overrides.json changes the bundle alone: remove it and set BUNDLE_VAR_<name>."
    )
    assert load_target(PROJECT, "prod", environ={}, folder=folder).schema_name == "my_mlops_stacks"


A_NAME = "it should be a name of Unity Catalog, without a blank, a period, a slash or any of ' # % ? : @"

# One line among the variables of the target dev, and what is said of it after "databricks.yml: targets.dev.variables.".
VALUE_ERRORS = {
    "promotion: manual": "promotion is 'manual', but it should be 'automatic' or 'approval'.",
    "retention_days: 3": "retention_days is 3, but it should be greater than or equal to 7.",
    "secrets: {WORD: hunter2}": "secrets.WORD is 'hunter2', but it should be a secret's place, scope/key.",
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
    "schema: dev_${workspace.current_user.short_name}": (
        "schema refers to ${workspace.current_user.short_name}; without a workspace, only var.platform, var.catalog, "
        "var.schema, var.trips_table, var.trips_times, var.first_day, var.last_day, "
        "var.first_predicted_day, var.state_folder, var.ui_port, var.step_launcher, var.compute, var.prices, "
        "var.secrets, var.schedules, var.owner, var.model_name, var.experiment, var.retention_days, var.promotion, "
        "var.rescore_days, "
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


def test_models_can_be_built_without_files() -> None:
    window = {"cron_schedule": "0 18 * * *", "metric_to_monitor": "bias", "metric_violation_threshold": 1}
    retraining = {"cooldown_days": 0, "max_retrainings": 1, "retraining_days": 0}
    labels = {"minimum_coverage": 1, "minimum_count": 1, "label_delay_days": 0}
    workflow = MonitoringWorkflow(**window, **labels, **retraining, num_evaluation_windows=1, num_violation_windows=1)
    target = Target.model_validate(load_target(PROJECT, environ={}).model_dump() | {"monitoring_workflow": workflow})
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
