"""Every way to get the bundle's files wrong as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_core.config import TargetError, load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.bundle.edits import MODEL, MONITORING, ROOT, edit, message

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
        "step_launcher, compute, prices, secrets, schedules, start, owner, model_name, experiment, retention_days, "
        "promotion, decided_by, model_sources, rescore_days, endpoint, "
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
        "states the keys cron_schedule, run_mode, enable_baseline_comparison, holdout_days, hyperparameters, and may "
        "state features_as_served, search, search_trials, search_minutes.",
    ),
    "one key too many": (
        (MODEL, "      hyperparameters: ", "      depth: 3\n      hyperparameters: "),
        "resources/model-workflow-resource.yml: variables.model_workflow.depth is an unknown key: the mapping states "
        "the keys cron_schedule, run_mode, enable_baseline_comparison, holdout_days, hyperparameters, and may state "
        "features_as_served, search, search_trials, search_minutes.",
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
