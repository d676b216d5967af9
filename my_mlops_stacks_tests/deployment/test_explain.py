"""One prediction followed all the way back, also when parts of its way are gone."""

from __future__ import annotations

import re
from datetime import date

import dagster as dg
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable, write_deltalake
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlops_core.cli.explain import UnexplainedError, explanation, main, predicted
from mlops_core.cli.query import UnreadableQueryError, answer
from mlops_core.cli.query import main as query
from mlops_core.defs.promotion_history import newest_entry
from mlops_core.defs.tables import tables_of
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.deployment.acts import predictions_of, promoted, run
from my_mlops_stacks_tests.deployment.desk import materialized_by_a_run
from my_mlops_stacks_tests.gate import FIRST_DAY, LAST_DAY, Constant


def test_a_prediction_is_followed_back_to_run_tables_model_and_commit(gate):
    champion = promoted(gate, Constant(12.0))
    scoring = run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY))
    table = gate.table("trip_pickup_features")
    version = DeltaTable(table).version()
    write_deltalake(table, DeltaTable(table).to_pyarrow_table(), mode="overwrite")  # a newer one that nobody used
    row = predictions_of(gate, champion).iloc[0]
    told = dict(explanation(PROJECT, gate.instance, gate.registry, row["day"], int(row["model_version"])))
    assert told["predicted"] == f"in Dagster run {scoring.run_id}"
    assert f"trip_pickup_features version {version}," in told["features"]
    assert champion.run_id in told["model"] and "git commit abc123" in told["trained"]
    assert told["validated"].startswith("passed, against champion")
    assert "by Ada: looked at the report" in told["champion"]
    with pytest.raises(UnexplainedError, match="no predictions of 2016-01-01 by version"):
        list(explanation(PROJECT, gate.instance, gate.registry, date(2016, 1, 1), champion.version))


def test_a_deleted_run_is_said_and_the_rest_is_told(gate):
    champion = promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    gate.registry.client.delete_run(champion.run_id)
    told = dict(explanation(PROJECT, gate.instance, gate.registry, date.fromisoformat(LAST_DAY), champion.version))
    assert f"MLflow run {champion.run_id} (deleted)" in told["model"]
    assert "looked at the report" in told["champion"]


def test_a_move_by_hand_is_part_of_the_story(gate):
    champion = promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    others = {"model_name": champion.name, "version": champion.version + 1, "recorded_version": champion.version + 2}
    seen = dg.AssetObservation("champion", description="moved", metadata=others)
    renamed = {"model_name": "fares", "version": champion.version}
    foreign = dg.AssetObservation("champion", description="another model's", metadata=renamed)
    of_this = {"model_name": champion.name, "recorded_version": champion.version}
    own = dg.AssetObservation("champion", description="taken away", metadata=of_this)
    for observation in (seen, foreign, own):
        gate.instance.report_runless_asset_event(observation)
    told = list(explanation(PROJECT, gate.instance, gate.registry, date.fromisoformat(LAST_DAY), champion.version))
    assert [sentence.partition("UTC: ")[2] for name, sentence in told if name == "by hand"] == ["taken away"]


def test_a_renamed_model_has_a_story_of_its_own(gate):
    """Both have a version with the same number, which predicted the same day and was champion."""
    champion = promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    day, number = date.fromisoformat(LAST_DAY), champion.version
    before = list(explanation(PROJECT, gate.instance, gate.registry, day, number))
    predicted = {"model_name": "fares", "model_version": number}
    entry = {"model_name": "fares", "version": number, "from_version": "none", "decided_by": "Eve", "reason": "renamed"}
    for event in (
        dg.AssetMaterialization("predictions", metadata=predicted, partition=LAST_DAY),
        dg.AssetMaterialization("champion", metadata=entry),
    ):
        materialized_by_a_run(gate.instance, event)
    assert list(explanation(PROJECT, gate.instance, gate.registry, day, number)) == before
    newest = [newest_entry(PROJECT, gate.instance, name) for name in (champion.name, "fares")]
    assert [entry.version for entry in newest] == [number, number]
    assert newest_entry(PROJECT, gate.instance, "nobody") is None

    told = list(explanation(PROJECT, gate.instance, gate.registry.of("fares"), day, number))
    chosen = [sentence.partition(", by ")[2] for name, sentence in told if name == "champion"]
    assert [sentence.partition(" (Dagster run ")[0] for sentence in chosen] == ["Eve: renamed"]
    assert dict(told)["model"] == f"fares version {number} is not in the registry any more"
    with pytest.raises(UnexplainedError, match=f"version {number} of fare_model, fares there are: name it"):
        list(explanation(PROJECT, gate.instance, gate.registry.of("prices"), day, number))


def test_what_dagster_knows_of_a_deleted_version_is_told(gate):
    champion = promoted(gate, Constant(12.0))
    scoring = run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY))
    trained = {"model_name": champion.name, "version": champion.version, "git_commit": "abc123", "trips_version": "7"}
    measured = {"held_out_from": "2016-02-28", "root_mean_squared_error": 2.5}
    gate.instance.report_runless_asset_event(dg.AssetMaterialization("fare_model", metadata=trained | measured))
    promoted(gate, Constant(12.0))  # its successor: the other tests need a champion
    gate.registry.client.delete_model_version(champion.name, str(champion.version))
    told = dict(explanation(PROJECT, gate.instance, gate.registry, date.fromisoformat(LAST_DAY), champion.version))
    assert told["predicted"] == f"in Dagster run {scoring.run_id}"
    assert told["model"] == f"fare_model version {champion.version} is not in the registry any more"
    assert told["trained"].endswith("at git commit abc123, on trips version 7 before 2016-02-28")
    assert told["measured"] == "root_mean_squared_error 2.500"
    assert "by Ada: looked at the report" in told["champion"]


@pytest.mark.parametrize(
    ("trip", "sentence"),
    [
        (["pickup_zip=1"], "No prediction is of a trip with pickup_zip=1: rejected_trips may have it"),
        (["fare_amount=9"], "fare_amount identifies no trip: columns are tpep_pickup_datetime, pickup_zip,"),
        (["trip_distance=far"], "No prediction is of a trip with trip_distance=far"),
        ([], "trips or more have "),
    ],
)
def test_what_identifies_no_trip_is_said(gate, trip, sentence):
    promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    with gate.resources() as resources, pytest.raises(UnexplainedError, match=re.escape(sentence)):
        predicted(PROJECT, gate.target, resources.tables, trip)


def test_only_tables_of_this_machine_are_searched(gate):
    prod = gate.target.model_copy(update={"platform": "databricks"})
    with gate.resources() as resources, pytest.raises(UnexplainedError, match="say --day and --model-version"):
        predicted(PROJECT, prod, resources.tables, ["pickup_zip=1"])


def test_a_query_of_the_docs_is_answered_on_a_laptop(gate):
    version = promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    rows, schema = predictions_of(gate, version), gate.target.schema_name
    with gate.resources() as resources:
        count = f"SELECT count(*) AS trips FROM predictions WHERE model_version = {version.version}"
        assert answer(resources.tables, tables_of(PROJECT), schema, count).split() == ["trips", str(len(rows))]
        as_of = "SELECT count(*) AS rows FROM trip_pickup_features VERSION AS OF 0"
        first = DeltaTable(gate.table("trip_pickup_features"), version=0).to_pyarrow_table().num_rows
        assert answer(resources.tables, tables_of(PROJECT), schema, as_of).split() == ["rows", str(first)]
        (by_day,) = re.findall(r'my_mlops_stacks query "(.+)"', (ROOT / "docs" / "runbook.md").read_text())
        assert answer(resources.tables, tables_of(PROJECT), schema, by_day).split()[-3:] == [
            LAST_DAY,
            str(version.version),
            str(len(rows)),
        ]
        with pytest.raises(UnreadableQueryError, match="begin with SELECT"):
            answer(resources.tables, tables_of(PROJECT), schema, "DELETE FROM predictions")
        with pytest.raises(UnreadableQueryError, match="nothing.*tables are trips, "):
            answer(resources.tables, tables_of(PROJECT), schema, "SELECT * FROM nothing")


def test_the_command_tells_it_and_says_what_it_lacks(gate, tmp_path, monkeypatch):
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    champion = promoted(gate, Constant(12.0))
    with monkeypatch.context() as patch, dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        patch.setattr(gate, "instance", instance)
        assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    days = {"BUNDLE_VAR_first_day": FIRST_DAY, "BUNDLE_VAR_last_day": LAST_DAY}
    environ = {"DAGSTER_HOME": str(tmp_path), "BUNDLE_VAR_state_folder": str(gate.folder), **days}

    def explain(version: int):
        asked = ["--day", LAST_DAY, "--model-version", str(version), "--target", "local"]
        return CliRunner().invoke(main, asked, env=environ, obj=PROJECT)

    told = explain(champion.version)
    assert told.exit_code == 0
    assert f"prediction  fare_model version {champion.version} for {LAST_DAY}, written" in told.output
    assert champion.run_id in told.output
    row = predictions_of(gate, champion)
    trip = row.iloc[0]
    identity = [part for name in TRIPS.identity for part in ("--event", f"{name}={trip[name]}")]
    by_trip = CliRunner().invoke(main, [*identity, "--target", "local"], env=environ, obj=PROJECT)
    assert by_trip.exit_code == 0, by_trip.output
    assert f"fare_model version {champion.version} for {LAST_DAY}, written" in by_trip.output
    unknown = explain(999)
    assert unknown.exit_code == 1
    assert f"The Dagster instance of {tmp_path} has no predictions of {LAST_DAY} by version 999" in unknown.output

    def away(*_: object) -> None:
        raise MlflowException("API request failed with error code 503")

    monkeypatch.setattr(MlflowClient, "get_model_version", away)
    silent = explain(champion.version)
    assert silent.exit_code == 1
    assert "did not answer as it should, and nothing was changed" in silent.output and "ask again" in silent.output


def test_before_anything_has_run_it_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    asked = ["--day", "2016-02-20", "--model-version", "1", "--target", "local"]
    told = CliRunner().invoke(main, asked, env={"BUNDLE_VAR_state_folder": str(tmp_path / "none")}, obj=PROJECT)
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert "Nothing has run on this machine yet" in told.stderr
    assert not (tmp_path / "none").exists()


POSTGRES = {f"DAGSTER_PG_{name}": "geheim" for name in ("USERNAME", "PASSWORD", "DB")}
LOGS = {"DAGSTER_LOG_CONTAINER": "a", "DAGSTER_LOG_STORAGE_ACCOUNT": "b"}
OF_COMPOSE = (ROOT / "deploy" / "dagster.yaml").read_text()


@pytest.mark.parametrize(
    ("target", "settings", "environ", "said"),
    [
        ("prod", None, {}, "and DAGSTER_HOME names no instance here: docs/runbook.md says where to ask.\n"),
        ("prod", "", {}, "has no predictions of 2016-02-20 by version 1 of prod.my_mlops_stacks.fare_model"),
        ("local", "storage: [", {}, "dagster.yaml is no YAML: while parsing a flow node.\n"),
        ("local", "nonsense: 1", {}, "can't be opened: Errors whilst loading dagster instance config at dagster.yaml"),
        ("prod", OF_COMPOSE, POSTGRES, "needs DAGSTER_LOG_CONTAINER, DAGSTER_LOG_STORAGE_ACCOUNT, DAGSTER_PG_HOST of"),
        pytest.param(
            *("prod", OF_COMPOSE, {**POSTGRES, "DAGSTER_PG_HOST": "127.0.0.1", **LOGS}),
            "can't be opened: too many retries for DB connection; docs/runbook.md says where to ask.\n",
            marks=pytest.mark.slow,  # Dagster asks again for seconds
        ),
    ],
)
def test_where_it_can_not_be_told_a_sentence_says_which_instance_was_asked(  # noqa: PLR0917, the cases
    tmp_path, monkeypatch, target, settings, environ, said
):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if settings is not None:
        (tmp_path / "dagster.yaml").write_text(settings.replace("port: 5432", "port: 1"))
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    asked = ["--day", "2016-02-20", "--model-version", "1", "--target", target]
    told = CliRunner().invoke(main, asked, env=environ, obj=PROJECT)
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1), told.output
    assert said in told.stderr
    assert (str(tmp_path) in told.stderr) is (settings is not None)
    assert "geheim" not in told.output


def test_a_query_says_that_tables_are_elsewhere(monkeypatch):
    told = CliRunner().invoke(query, ["SELECT 1"], env={"MLOPS_TARGET": "prod"}, obj=PROJECT)
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert told.stderr.startswith("The tables of prod are on Databricks")
