"""The production path on an emulated workspace: it works, and it makes what the local target makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import requests
from click.testing import CliRunner
from deltalake import DeltaTable

from mlops_core.cli.explain import main as explain
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.rehearsal import arrival, report
from my_mlops_stacks_tests.rehearsal.rehearsal import (
    CATALOG,
    FIRST_DAY,
    HELD_OUT_DAYS,
    JOBS,
    LAST_DAY,
    SCHEMA,
    TARGET,
    Rehearsal,
    opened,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds, on a machine that is busy


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The rehearsal after the whole pipeline ran once."""
    with opened(tmp_path_factory.mktemp("rehearsal")) as made:
        made.run_pipeline()
        yield made


@pytest.fixture(scope="module")
def local_warehouse(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the local target after the same runs on the same trips."""
    variables = {
        "BUNDLE_VAR_state_folder": str(tmp_path_factory.mktemp("local")),
        "BUNDLE_VAR_first_day": FIRST_DAY,
        "BUNDLE_VAR_last_day": LAST_DAY,
    }
    target = load_target(PROJECT, "local", environ=variables)
    definitions, instance = definitions_of(PROJECT, target), dg.DagsterInstance.ephemeral()
    configs = {
        "feature_engineering_job": {"ingest_trips": {"config": {"path": str(rehearsal.trips)}}},
        "model_training_job": {"fare_model": {"config": {"holdout_days": HELD_OUT_DAYS}}},
    }
    for run in (each for each in rehearsal.runs if each.job in JOBS):
        tags = {key: value for key, value in run.run.tags.items() if key.startswith("dagster/asset_partition_range")}
        definitions.resolve_job_def(run.job).execute_in_process(
            instance=instance, tags=tags, run_config={"ops": configs.get(run.job, {})}
        )
    return target.state_path / "warehouse" / target.schema_name


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that compare: without the time of prediction and the model's name, which has catalog and schema there."""
    rows = rows.drop(columns=["prediction_time", "last_prediction_time", "model_name", "model_id"], errors="ignore")
    scalars = [name for name in rows if not rows[name].map(lambda value: isinstance(value, dict | np.ndarray)).any()]
    return rows.sort_values(scalars, ignore_index=True)


def test_the_rehearsal_finds_nothing_wrong(rehearsal):
    assert report.problems(rehearsal) == []


def test_the_report_says_what_ran_where(rehearsal):
    text = "\n".join(report.lines(rehearsal))
    assert "(serverless): fare_model, " in text
    assert "Dagster host: challenger, champion" in text
    assert "Checks      22 of 22 passed" in text
    assert "Left over   nothing" in text


@pytest.mark.parametrize("name", report.TABLES)
def test_tables_are_those_of_the_local_target(rehearsal, local_warehouse, name):
    pd.testing.assert_frame_equal(
        in_order(report.table(rehearsal, name)), in_order(DeltaTable(local_warehouse / name).to_pandas())
    )


def test_feature_tables_are_tables_of_unity_catalog(rehearsal):
    known = rehearsal.workspace.unity_catalog.table(f"{CATALOG}.{SCHEMA}.trip_pickup_features")
    assert known["table_type"] == "MANAGED"


def asked(rehearsal: Rehearsal, rows: pd.DataFrame) -> requests.Response:
    """What the endpoint answers, asked as its users do."""
    return requests.post(
        f"{rehearsal.workspace.url}/serving-endpoints/fares/invocations",
        data=f'{{"dataframe_split": {rows.to_json(orient="split", index=False, double_precision=15)}}}',
        headers={"Authorization": f"Bearer {rehearsal.workspace.token}"},
        timeout=30,
    )


def test_the_endpoint_answers_what_batch_inference_predicted(rehearsal):
    """With the features that are stored beside the predictions; columns that the model does not know are ignored."""
    rows = report.table(rehearsal, "predictions")
    inputs = rows.drop(columns=["tpep_pickup_datetime", "prediction", "model_name", "prediction_time", "day"])
    answer = asked(rehearsal, inputs)
    assert answer.headers["served-model-name"] == "version-1"
    np.testing.assert_allclose(answer.json()["predictions"], rows["prediction"], rtol=1e-6)
    many = inputs.sample(10_000, replace=True, random_state=0)
    np.testing.assert_allclose(
        asked(rehearsal, many).json()["predictions"], rows["prediction"].loc[many.index], rtol=1e-6
    )


def test_a_request_without_an_input_is_refused_by_its_name(rehearsal):
    rows = report.table(rehearsal, "predictions").head(2)
    answer = asked(rehearsal, rows.drop(columns=["tpep_pickup_datetime", "prediction_time", "day", "trip_distance"]))
    assert answer.status_code == 400
    assert "trip_distance" in answer.json()["message"]


def test_links_lead_to_the_mlflow_that_was_set(rehearsal):
    event = rehearsal.instance.get_latest_materialization_event(dg.AssetKey("fare_model"))
    assert event.asset_materialization.metadata["mlflow_run"].value.startswith(f"{rehearsal.mlflow}/#/experiments/")


def test_a_prediction_is_explained_up_to_its_databricks_run_by_the_instance_that_is_deployed(rehearsal):
    """As `kubectl exec` into the code server does, which has the target and the instance from its environment."""
    mlflow = dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"), rehearsal.mlflow)
    environ = {"DAGSTER_HOME": rehearsal.instance.root_directory, "MLOPS_TARGET": TARGET, **mlflow}
    asked = ["--day", LAST_DAY, "--model-version", "1"]
    said = CliRunner().invoke(explain, asked, env=environ, obj=PROJECT)
    assert said.exit_code == 0, said.output
    told = dict(line.split(maxsplit=1) for line in said.output.splitlines())
    (inference,) = rehearsal.runs[2].databricks_runs
    assert f"Dagster run {rehearsal.runs[2].run.run_id}, Databricks run " in told["predicted"]
    assert str(inference.run_id) in told["predicted"]
    assert f"Dagster run {rehearsal.runs[1].run.run_id} at git commit" in told["trained"]
    assert "git commit unknown" not in told["trained"]


def test_no_step_complains_in_its_log(rehearsal):
    logs = [rehearsal.workspace.task_log(found) for run in rehearsal.runs for found in run.databricks_runs]
    assert [line for log in logs for line in log.splitlines() if "Error" in line or "Exception" in line] == []


def test_a_run_that_fails_is_told_and_leaves_nothing(rehearsal):
    before = list(rehearsal.runs)
    try:
        too_many = {"ops": {"fare_model": {"config": {"holdout_days": 60}}}}
        assert not rehearsal.run("model_training_job", [], too_many).success
        problems = report.problems(rehearsal)
        assert len(problems) == 1, problems
        (sentence,) = problems
        assert "model_training_job is FAILURE" in sentence
        assert "nothing is left to train on before the 60 days" in sentence
        assert rehearsal.left_over() == []
    finally:
        rehearsal.runs[:] = before


def test_late_trips_are_found_by_the_sensor_and_exactly_their_days_are_built(rehearsal):
    """The last test: it leaves more trips in the tables."""
    before = list(rehearsal.runs)
    try:
        runs = arrival.run(rehearsal)
        assert [*arrival.problems(rehearsal, runs)] == []
        assert runs[0].remote_steps == ["look_for_arrivals"]
    finally:
        rehearsal.runs[:] = before
