"""What a rendered project of MLOps Stacks says for a new one, held against what stands in its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_core.cli.new.answers import Answers, TargetAnswer, ThresholdAnswer
from mlops_core.cli.new.mlops_stacks import Imported, Move, from_mlops_stacks
from mlops_core_tests.cli.new.mlops_stacks.parcels import (
    BATCH,
    BUNDLE,
    FEATURES,
    MODEL,
    MONITORING,
    PROFILE,
    RECIPE,
    TRAINING,
    write,
)

MODEL_FILE, BATCH_FILE = "resources/model-workflow-resource.yml", "resources/batch-inference-workflow-resource.yml"
OTHER_TARGET = """
    resources:
      jobs:
        model_training_job:
          schedule: {quartz_cron_expression: "0 0 5 * * ?", timezone_id: UTC}
          tasks:
            - task_key: ModelValidation
              notebook_task: {base_parameters: {enable_baseline_comparison: "false"}}
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return from_mlops_stacks(write(tmp_path_factory.mktemp("parcels")))


def moves(found: Imported, here: str) -> list[tuple[str, str]]:
    """What moves to a place, and from where."""
    return [(move.what, move.there) for move in found.moved if move.here == f"late_parcels/{here}"]


def test_names_targets_and_the_problem(imported: Imported) -> None:
    answers = imported.answers
    assert (answers["project"], answers["model_name"]) == ("late_parcels", "late_parcels_model")
    assert (answers["kind"], answers["label"], answers["event_time"]) == ("regression", "hours_late", "posted_at")
    assert answers["source_table"] == "lake.logistics.parcels"
    assert answers["owner"] == "parcels@example.com"
    assert answers["targets"] == {
        "dev": {"catalog": "sandbox"},
        "test": {"host": "https://parcels-staging.cloud.databricks.com", "catalog": "lake_test"},
        "staging": {"host": "https://parcels-staging.cloud.databricks.com", "catalog": "lake_staging"},
        "prod": {"host": "https://parcels.cloud.databricks.com", "catalog": "lake"},
    }
    assert imported.entities == ("depot_id",)


def test_schedules_and_what_is_monitored(imported: Imported) -> None:
    assert imported.answers["crons"] == {
        "feature_engineering": "0 4 * * *",
        "model": "30 6 * * *",
        "batch_inference": "0 8 * * MON,TUE,WED,THU,FRI",
        "monitoring": "0 20 * * *",
    }
    assert imported.answers["metric_to_monitor"] == "mean_average_error"
    assert imported.answers["metric_violation_threshold"] == 6.5
    monitoring = "resources/monitoring-workflow-resource.yml: num_evaluation_windows"
    assert moves(imported, monitoring) == [
        ("num_evaluation_windows: 7", "resources/monitoring-resource.yml, retraining_job")
    ]


def test_thresholds_are_read_and_what_needs_a_function_is_moved(imported: Imported) -> None:
    stated = [(each["metric"], each["threshold"], each["greater_is_better"]) for each in imported.answers["thresholds"]]
    assert stated == [("max_error", 48.0, False), ("mean_absolute_error", 4.5, False), ("r2_score", 0.5, True)]
    assert [move for move, _ in moves(imported, "validation/validation.py: validation_thresholds")] == [
        "min_relative_change of mean_absolute_error, 0.01",
        "the threshold of share_in_time",
    ]
    assert moves(imported, "validation/validation.py: custom_metrics") == [
        ("the custom metric share_in_time", "validation/validation.py")
    ]


def test_each_file_of_ones_own_has_a_place(imported: Imported) -> None:
    depots = "windows of 2 hours every 1 hour: mean_hours_late = mean(hours_late), parcels = count(*)"
    where = "feature_engineering/features/<column>_features.py: windows, or a function of your own"
    assert moves(imported, where) == [(depots, "feature_engineering/features/depot_features.py")]
    notebook = "training/notebooks/TrainWithFeatureStore.py"
    learnt = "looked up: mean_hours_late, parcels by depot_id; hyperparameters: num_leaves=63, objective=regression"
    assert moves(imported, "training/train.py: fit and Hyperparameters") == [(f"what it computes; {learnt}", notebook)]
    assert moves(imported, "databricks.yml: secrets") == [("the secret parcels/weather-token", notebook)]
    assert moves(imported, "routes/") == [("what is your own", "routes/distances.py")]
    assert "deployment/batch_inference/predict.py" in {move.there for move in imported.moved}
    assert not any("README" in move.there for move in imported.moved)


def test_many_files_of_ones_own_are_counted(tmp_path: Path) -> None:
    files = {f"maps/{name}.csv": "a" for name in "abcdefgh"} | {".venv/x.py": "", "venv/y.py": "", "Makefile": "all:"}
    found = from_mlops_stacks(write(tmp_path, files))
    shown = ", ".join(f"maps/{name}.csv" for name in "abcdef")
    assert moves(found, "maps/") == [("what is your own", f"{shown} and 2 more")]
    assert moves(found, "") == [("what is your own", "Makefile")]
    assert not any("venv" in move.there for move in found.moved)


def test_what_no_answer_has_is_moved_by_hand(imported: Imported) -> None:
    there = f"{MODEL_FILE}, model_training_job"
    assert moves(imported, "training/train.py: Hyperparameters") == [("the parameter quantile, '0.9', of Train", there)]
    assert moves(imported, "resources/ml-artifacts-resource.yml: registered_models.model.grants") == [
        (
            "the right of 'depots' to read the model",
            "resources/ml-artifacts-resource.yml: resources.registered_models",
        )
    ]
    assert moves(imported, "databricks.yml: targets.dev.workspace.host")
    assert moves(imported, "databricks.yml: alert_channel, which is email with ALERT_EMAIL_TO")
    assert moves(imported, "databricks.yml: compute") == [
        ("the cluster (16.4.x-cpu-ml-scala2.12, m5.large, 2 workers), unless serverless compute serves", "the jobs")
    ]
    assert moves(imported, "ingestion/<events>.py: rules") == [
        ("what of the rows is validated: SELECT * FROM lake.logistics.parcels WHERE weight > 0", there)
    ]
    [scored, training] = [what for what, _ in moves(imported, "databricks.yml: <events>_table")], there
    assert (scored, training) == (["the rows of lake.logistics.posted_today, as events whose label is null"], there)


def test_what_would_surprise_is_said(imported: Imported) -> None:
    said = "\n".join(imported.warnings)
    assert f"run_mode is dry_run in {MODEL_FILE}, model_training_job; in a new project it is enabled" in said
    assert "resources/monitoring-resource.yml is not included by databricks.yml there" in said
    assert "enable_baseline_comparison" not in said


def test_answers_are_what_the_template_takes(imported: Imported) -> None:
    assert imported.answers.keys() <= Answers.model_fields.keys()
    for target in imported.answers["targets"].values():
        assert TargetAnswer(**target)
    for threshold in imported.answers["thresholds"]:
        assert ThresholdAnswer(**threshold)


def test_a_move_reads_as_a_line() -> None:
    assert str(Move("the host", "databricks.yml", "a/databricks.yml")) == "databricks.yml: the host -> a/databricks.yml"


def test_a_repository_with_one_project_in_a_folder(imported: Imported, tmp_path: Path) -> None:
    write(tmp_path / "late_parcels", {"../cicd_params.json": '{"input_release_branch": "live"}'})
    found = from_mlops_stacks(tmp_path)
    assert (found.answers, found.moved) == (imported.answers, imported.moved)
    assert found.warnings[-1].startswith("The branch 'live' (input_release_branch in cicd_params.json) is 'release'")


def test_targets_that_differ_are_said(tmp_path: Path) -> None:
    staging = "    workspace: {host: https://parcels-staging.cloud.databricks.com}\n  prod:"
    bundle = BUNDLE.replace(staging, staging.replace("\n  prod:", OTHER_TARGET + "  prod:"))
    found = from_mlops_stacks(write(tmp_path, {"databricks.yml": bundle}))
    assert found.answers["crons"]["model"] == "30 6 * * *"
    assert moves(found, "databricks.yml: targets.staging.variables.model_workflow") == [
        ("cron_schedule: 0 5 * * *, of the target staging alone", f"{MODEL_FILE}, model_training_job"),
        ("enable_baseline_comparison: false, of the target staging alone", f"{MODEL_FILE}, model_training_job"),
    ]


def test_models_outside_of_unity_catalog(tmp_path: Path) -> None:
    bundle = BUNDLE.replace("    default: late-parcels-model", "    default: ${bundle.target}-late-parcels-model")
    bundle = "\n".join(line for line in bundle.splitlines() if "catalog" not in line and "Where the model" not in line)
    artifacts = "resources: {models: {model: {name: '${var.model_name}', permissions: [{group_name: depots}]}}}"
    found = from_mlops_stacks(
        write(tmp_path, {"databricks.yml": bundle, "resources/ml-artifacts-resource.yml": artifacts})
    )
    assert found.answers["model_name"] == "late_parcels_model"
    assert not any("catalog" in target for target in found.answers["targets"].values())
    assert moves(found, "databricks.yml: targets.prod.variables.catalog")
    assert any(
        warning.startswith("prod-late-parcels-model is in the workspace's registry") for warning in found.warnings
    )


def test_a_recipe_gives_label_thresholds_and_a_sample(tmp_path: Path) -> None:
    model = "\n".join(line for line in MODEL.splitlines() if "model_type" not in line and "targets:" not in line)
    write(tmp_path, {MODEL_FILE: model, "training/recipe.yaml": RECIPE, "training/profiles/local.yaml": PROFILE})
    assert "source" not in from_mlops_stacks(tmp_path).answers
    (tmp_path / "training" / "data").mkdir()
    (tmp_path / "training" / "data" / "sample.parquet").touch()
    found = from_mlops_stacks(tmp_path)
    assert (found.answers["label"], found.answers["kind"]) == ("hours_late", "regression")
    assert found.answers["source"] == str(tmp_path / "training" / "data" / "sample.parquet")
    stated = {each["metric"]: each["threshold"] for each in found.answers["thresholds"]}
    assert stated == {"max_error": 48, "mean_absolute_error": 4.5, "r2_score": 0.5, "root_mean_squared_error": 10}
    assert ("the threshold of share_in_time, 0.7", "training/recipe.yaml") in moves(
        found, "validation/validation.py: validation_thresholds"
    )


def test_a_classifier_leaves_the_kind_to_the_rows(tmp_path: Path) -> None:
    found = from_mlops_stacks(write(tmp_path, {MODEL_FILE: MODEL.replace("regressor", "classifier")}))
    assert "kind" not in found.answers


def test_the_label_is_what_was_trained_on(tmp_path: Path) -> None:
    """The template of version 0.2 has a metric where the column of the label belongs."""
    found = from_mlops_stacks(write(tmp_path, {MODEL_FILE: MODEL.replace("hours_late", "mean_squared_error")}))
    assert "label" not in found.answers
    made = TRAINING + 'training_set = fe.create_training_set(df=rows, feature_lookups=lookups, label="hours")\n'
    write(tmp_path, {"training/notebooks/TrainWithFeatureStore.py": made})
    assert from_mlops_stacks(tmp_path).answers["label"] == "hours"


def test_two_times_are_a_question(tmp_path: Path) -> None:
    second = FEATURES.replace(
        "      schedule:", FEATURES.partition("      tasks:\n")[2].partition("      schedule")[0] + "      schedule:"
    )
    found = from_mlops_stacks(
        write(
            tmp_path, {"resources/feature-engineering-workflow-resource.yml": second.replace("posted_at", "sent_at", 1)}
        )
    )
    assert "event_time" not in found.answers
    assert any("by sent_at and posted_at: say which" in warning for warning in found.warnings)


def test_rows_in_files_are_to_become_a_table(tmp_path: Path) -> None:
    model = MODEL.replace("${var.catalog_name}.logistics.parcels\n", "/mnt/parcels\n").replace(" WHERE weight > 0", "")
    model, features = (
        model.replace("lake.logistics", "delta.`dbfs:/mnt"),
        FEATURES.replace("lake.logistics.parcels", "/mnt/parcels"),
    )
    found = from_mlops_stacks(
        write(tmp_path, {MODEL_FILE: model, "resources/feature-engineering-workflow-resource.yml": features})
    )
    assert "source_table" not in found.answers
    assert "the rows at /mnt/parcels, as a table catalog.schema.table" in [
        what for what, _ in moves(found, "databricks.yml: <events>_table")
    ]


def test_names_that_would_meet_are_said(tmp_path: Path) -> None:
    found = from_mlops_stacks(
        write(tmp_path, {"databricks.yml": BUNDLE.replace("name: late-parcels\n", "name: parcels\n")})
    )
    said = "\n".join(found.warnings)
    assert "Both bundles are called parcels" in said
    assert "The schema parcels holds tables of MLOps Stacks" in said


def test_own_targets_variables_and_identities(tmp_path: Path) -> None:
    bundle = BUNDLE.replace("variables:\n", "variables:\n  region: {default: eu}\n", 1)
    bundle += "    run_as: {service_principal_name: deployer}\n  sandbox:\n    workspace: {profile: mine}\n"
    found = from_mlops_stacks(write(tmp_path, {"databricks.yml": bundle}))
    assert moves(found, "databricks.yml: variables.region")
    assert moves(found, "databricks.yml: targets.sandbox")
    assert moves(found, "databricks.yml: targets.test.run_as") == [
        ("run_as: service_principal_name deployer", "databricks.yml: targets.test")
    ]


@pytest.mark.parametrize(
    ("schedule", "what"),
    [
        ('{quartz_cron_expression: "0 0 * * * ?"}', "the schedule '0 0 * * * ?', which has not one tick a day"),
        ('{quartz_cron_expression: "0 0 8 L * ?"}', "the schedule '0 0 8 L * ?', which uses what only Quartz knows"),
        ('{quartz_cron_expression: "0 0 8 * * ?", pause_status: PAUSED}', "that its schedule is paused"),
    ],
)
def test_a_schedule_that_needs_a_person(tmp_path: Path, schedule: str, what: str) -> None:
    batch = BATCH.replace('{quartz_cron_expression: "0 0 8 ? * MON-FRI", timezone_id: UTC}', schedule)
    found = from_mlops_stacks(write(tmp_path, {BATCH_FILE: batch}))
    assert [move for move in found.moved if move.what.startswith(what) and move.there.endswith("batch_inference_job")]


def test_a_clock_that_is_moved_is_said(tmp_path: Path) -> None:
    found = from_mlops_stacks(write(tmp_path, {MODEL_FILE: MODEL.replace("UTC", "Europe/Berlin")}))
    assert found.answers["crons"]["model"] == "30 5 * * *"
    assert "06:30 in Europe/Berlin is 05:30 UTC, and 04:30 in summer: 05:30 is taken" in "\n".join(found.warnings)


def test_code_that_is_no_python_costs_only_itself(tmp_path: Path) -> None:
    found = from_mlops_stacks(write(tmp_path, {"training/notebooks/TrainWithFeatureStore.py": TRAINING + "if:\n"}))
    assert found.entities == ()
    said = (
        "training/notebooks/TrainWithFeatureStore.py, line 14, is not valid Python (invalid syntax), so nothing in it"
    )
    assert any(warning.startswith(said) for warning in found.warnings)
    assert moves(found, "training/train.py: fit and Hyperparameters")


def test_a_jupyter_notebook_is_read(tmp_path: Path) -> None:
    sources = ("%%sql\\nSELECT", "%pip install x\\nFeatureLookup(lookup_key='route', table_name=t)")
    cells = ", ".join(f'{{"cell_type": "code", "source": ["{source}"]}}' for source in sources)
    notebook = f'{{"cells": [{{"cell_type": "markdown", "source": "# if"}}, {cells}]}}'
    found = from_mlops_stacks(write(tmp_path, {"training/notebooks/Own.ipynb": notebook}))
    assert found.entities == ("route", "depot_id")


def test_monitoring_with_texts_for_numbers(tmp_path: Path) -> None:
    texts = {"6.5": '"6.5"', "num_evaluation_windows: 7": 'num_evaluation_windows: "5"'}
    monitoring = MONITORING
    for before, after in texts.items():
        monitoring = monitoring.replace(before, after)
    found = from_mlops_stacks(write(tmp_path, {"resources/monitoring-resource.yml": monitoring}))
    assert found.answers["metric_violation_threshold"] == 6.5
    assert not moves(found, "resources/monitoring-workflow-resource.yml: num_evaluation_windows")
