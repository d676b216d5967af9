"""The gate on a real MLflow on SQLite and real Delta tables: what it measures, what it writes, what it refuses.

Most versions here predict a constant: what they must measure follows from the fares alone, without the code under test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import mlflow
import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlops_core.adapters.aliases import give_alias
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import RegistryUnavailableError, registry_answers
from mlops_core.adapters.scoring_errors import CannotScoreError
from mlops_core.adapters.tables import LocalTables
from mlops_core.defs.held_out import UnknownHoldOutError
from mlops_core.project import MetricThreshold, Project
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.validation.rules import RuleError
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.validation.validation import validation_thresholds
from my_mlops_stacks_tests.gate import HELD_OUT_FROM, NEIGHBOURS, Constant, Gate, NeighboursFare


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Gate:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        made = Gate(tmp_path_factory.mktemp("gate"))
        made.features()
        return made


def with_validation(**changes: object) -> Project:
    validation = replace(PROJECT.model.validation, **changes)
    return replace(PROJECT, models=(replace(PROJECT.model, validation=validation),))


def with_rule(metric: str, **limits: object) -> Project:
    stated = validation_thresholds() | {metric: MetricThreshold(**limits)}
    return with_validation(thresholds=lambda: stated)


def rmse_of(fares: pd.Series, predicted: float | np.ndarray) -> float:
    return float(np.sqrt(((fares - predicted) ** 2).mean()))


def nearly(value: float) -> object:
    """The value as people read it, with five significant digits."""
    return pytest.approx(value, rel=1e-4)


def number(check: dg.AssetCheckEvaluation, name: str) -> object:
    return check.metadata[name].value


def test_the_first_model_is_compared_with_nobody_and_says_so(gate):
    version = gate.register(Constant(12.0))
    checks, fares = gate.checks(), gate.held_out()["fare_amount"]
    found = checks["candidate_beats_champion"]
    assert found.passed and "There is no champion yet" in found.description
    assert number(found, "champion_version") == "none"
    assert gate.registry.get(version.version).tags["validated_against"] == "none"
    found = checks["root_mean_squared_error_within_threshold"]
    assert number(found, "value") == nearly(rmse_of(fares, 12.0))
    assert number(found, "bound") == f"{validation_thresholds()['root_mean_squared_error'].threshold:.4g} USD"
    assert number(found, "held_out_trips") == f"{len(fares):,}"
    assert number(checks["absolute_bias_within_threshold"], "value") == nearly(abs(12.0 - fares.mean()))


def test_a_failed_rule_refuses_the_candidate_and_leaves_its_report_in_mlflow(gate):
    champion, version = gate.register(Constant(30.0)), gate.register(Constant(12.0))
    gate.champion(champion)
    gate.registry.move_alias("candidate", version)
    before = gate.aliases()
    result = gate.run()
    checks = {found.check_name: found for found in result.get_asset_check_evaluations()}
    assert checks["candidate_beats_champion"].passed and not checks["r2_score_within_threshold"].passed
    assert {found.severity for found in checks.values() if not found.passed} == {dg.AssetCheckSeverity.WARN}
    assert result.success and not result.asset_materializations_for_node("challenger")
    assert gate.aliases() == before
    r2 = checks["r2_score_within_threshold"]
    told = gate.instance.get_run_by_id(result.run_id).tags["refused"]
    assert told.startswith(f"Version {version.version} is refused")
    assert f"r2_score_within_threshold: {r2.description}" in told
    (seen,) = gate.instance.fetch_observations(dg.AssetKey("challenger"), limit=1).records
    assert (seen.run_id, seen.asset_observation.description) == (result.run_id, told)

    client, tags = gate.registry.client, gate.registry.get(version.version).tags
    assert (tags["validation_status"], tags["validated_against"]) == ("failed", str(champion.version))
    run, found = client.get_run(tags["validation_run_id"]), checks["candidate_beats_champion"]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"report.md", "errors_by_segment.png", "comparison.csv"}
    report = Path(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/report.md")).read_text()
    assert f"version {version.version} against champion version {champion.version}: failed" in report
    assert "![Errors by segment](errors_by_segment.png)" in report
    assert "![Errors by segment](data:image/png;base64," in number(found, "report")
    assert run.info.run_id in number(found, "validation_run")
    fares = gate.held_out()["fare_amount"]
    assert run.data.metrics["root_mean_squared_error"] == pytest.approx(rmse_of(fares, 12.0))
    below = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert below[0].data.metrics["root_mean_squared_error"] == pytest.approx(rmse_of(fares, 30.0))


@pytest.mark.parametrize(("fare", "passes"), [(12.5, True), (60.0, False)])
def test_a_better_candidate_passes_and_a_worse_one_does_not(gate, fare, passes):
    fares = gate.held_out()["fare_amount"]
    champion = gate.register(Constant(30.0))
    gate.champion(champion)
    gate.register(Constant(fare))
    found = gate.checks()["candidate_beats_champion"]
    assert found.passed is passes
    assert number(found, "value") == nearly(rmse_of(fares, fare))
    assert number(found, "bound") == f"{rmse_of(fares, 30.0):.4g} USD"
    assert number(found, "champion_version") == str(champion.version)


def test_a_champion_with_features_of_its_own_is_compared_too(gate):
    """It looks its feature up by its own specification, under its own name; the candidate has none."""
    gate.champion(gate.register(NeighboursFare(), (NEIGHBOURS,)))
    gate.register(Constant(12.0))
    found = gate.checks()["candidate_beats_champion"]
    trips = gate.held_out().sort_values("tpep_pickup_datetime")
    features = DeltaTable(gate.table("trip_pickup_features")).to_pandas()
    features["ts"] = features["ts"].dt.tz_localize(None).astype(trips["tpep_pickup_datetime"].dtype)
    joined = pd.merge_asof(
        trips,
        features.sort_values("ts"),
        left_on="tpep_pickup_datetime",
        right_on="ts",
        left_by="pickup_zip",
        right_by="zip",
    )
    expected = joined["mean_fare_window_1h_pickup_zip"].fillna(10.0)
    assert expected.nunique() > 50
    assert number(found, "bound") == f"{rmse_of(joined['fare_amount'], expected):.4g} USD"
    assert "The champion looked up: `neighbours_fare`." in number(found, "report")
    assert "The candidate looked up: nothing." in number(found, "report")


def test_trips_that_arrive_later_change_nothing(gate):
    version = gate.register(Constant(12.0))
    before = number(gate.checks()["root_mean_squared_error_within_threshold"], "value")
    trips = DeltaTable(gate.table("trips")).to_pyarrow_table()
    write_deltalake(gate.table("trips"), trips, mode="append")
    assert gate.held_out()["fare_amount"].size > gate.held_out(int(version.tags["trips_version"])).shape[0]
    found = gate.checks()["root_mean_squared_error_within_threshold"]
    assert number(found, "value") == nearly(before)
    assert number(found, "trips_delta_version") == version.tags["trips_version"]
    DeltaTable(gate.table("trips")).restore(int(version.tags["trips_version"]))


def test_a_champion_that_has_seen_the_rows_is_remarked_on(gate):
    gate.champion(gate.register(Constant(12.0), held_out_from="2016-02-29"))
    gate.register(Constant(12.0))
    seen = (gate.held_out()["tpep_pickup_datetime"] < "2016-02-29").sum()
    report = number(gate.checks()["candidate_beats_champion"], "report")
    assert f"it has seen {seen} of these trips and looks too good" in report


def test_a_dry_run_warns_and_promotes_nothing(gate):
    version = gate.register(Constant(12.0))
    before = gate.aliases()
    result = gate.run(run_mode="dry_run")
    assert result.success
    failed = [found for found in result.get_asset_check_evaluations() if not found.passed]
    assert {found.severity for found in failed} == {dg.AssetCheckSeverity.WARN}
    assert gate.aliases() == before
    assert gate.registry.get(version.version).tags["validation_status"] == "dry_run"
    assert "was judged in a dry run" in gate.instance.get_run_by_id(result.run_id).tags["refused"]


@pytest.mark.parametrize("is_champion", [False, True])
def test_a_dry_run_leaves_a_verdict_as_it_is_and_promotes_nothing(gate, is_champion):
    version = gate.register(Constant(12.0), validation_status="passed", validated_against="none")
    if is_champion:
        gate.champion(version)
    before = gate.aliases()
    assert gate.run(run_mode="dry_run").success
    tags = gate.registry.get(version.version).tags
    assert (tags["validation_status"], tags["validated_against"]) == ("passed", "none")
    assert gate.aliases() == before


def test_a_validation_of_the_champion_that_dies_leaves_its_verdict(gate, monkeypatch):
    version = gate.register(Constant(12.0), validation_status="passed")
    gate.champion(version)
    monkeypatch.setattr("mlops_core.defs.candidate_validation.score_held_out", lambda *_: 1 / 0)
    assert not gate.run().success
    assert gate.registry.get(version.version).tags["validation_status"] == "passed"


def test_an_experiment_that_was_deleted_is_named_with_what_restores_it(gate):
    gate.register(Constant(12.0))
    client = gate.registry.client
    experiment = client.get_experiment_by_name(gate.registry.experiment).experiment_id
    client.delete_experiment(experiment)
    text = str(gate.error())
    client.restore_experiment(experiment)
    assert "was deleted: restore it (mlflow experiments restore --experiment-id" in text and experiment in text


def test_validation_that_is_switched_off_is_told_loudly(gate):
    version = gate.register(Constant(12.0))
    checks = gate.checks(run_mode="disabled")
    assert {found.passed for found in checks.values()} == {False}
    assert {found.description for found in checks.values()} == {"Not judged: run_mode is 'disabled'"}
    tags = gate.registry.get(version.version).tags
    assert tags["validation_status"] == "skipped"
    assert "nobody: run_mode was 'disabled' in the Dagster run" in tags["validated_against"]
    assert gate.run(run_mode="disabled").success
    assert gate.aliases()["challenger"] == version.version


def test_without_the_comparison_the_champion_is_no_reason_to_fail(gate):
    gate.champion(gate.register(Constant(12.0)))
    version = gate.register(Constant(60.0))
    found = gate.checks(enable_baseline_comparison=False)["candidate_beats_champion"]
    assert found.passed
    told = gate.registry.get(version.version).tags["validated_against"]
    assert told == "nobody: enable_baseline_comparison was off"
    assert "enable_baseline_comparison is off" in found.description


def test_a_rule_of_ones_own_is_a_check_of_its_own(gate):
    gate.build(with_rule("max_error", threshold=1e6, min_absolute_change=1e6, greater_is_better=False))
    gate.champion(gate.register(Constant(30.0)))
    gate.register(Constant(12.0))
    checks = gate.checks()
    worst = (gate.held_out()["fare_amount"] - 12.0).abs().max()
    assert checks["max_error_within_threshold"].passed
    assert number(checks["max_error_within_threshold"], "value") == nearly(worst)
    assert not checks["max_error_improves_on_champion"].passed
    gate.build()


def test_a_version_without_a_feature_specification(gate):
    with gate.registry.run("a training", {}):
        info = mlflow.pyfunc.log_model(
            name="model", python_model=Constant(12.0), registered_model_name="fare_model", pip_requirements=["mlflow"]
        )
    version = gate.registry.get(int(info.registered_model_version))
    gate.registry.tag(version, {"trips_version": "0", "held_out_from": HELD_OUT_FROM})
    gate.registry.move_alias("candidate", version)
    text = str(gate.error())
    assert CannotScoreError.__name__ in text
    assert "has no feature_spec.yaml" in text and "launch model_training_job again" in text


def test_a_champion_whose_feature_is_gone(gate):
    gate.champion(gate.register(NeighboursFare(), (NEIGHBOURS,)))
    gate.register(Constant(12.0))
    table = gate.table("trip_pickup_features")
    rows = DeltaTable(table).to_pyarrow_table()
    without = rows.drop_columns(["mean_fare_window_1h_pickup_zip"])
    write_deltalake(table, without, mode="overwrite", schema_mode="overwrite")
    text = str(gate.error())
    write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite")
    assert CannotScoreError.__name__ in text
    assert "no longer has ['mean_fare_window_1h_pickup_zip']" in text
    assert "enable_baseline_comparison: false" in text


def test_a_champion_that_lost_its_alias_is_missed(gate):
    """As when somebody removes the alias, or deletes the version that holds it."""
    former = gate.register(Constant(12.0))
    gate.champion(former)
    gate.registry.move_alias("previous_champion", former)
    gate.registry.client.delete_registered_model_alias(gate.registry.model, "champion")
    gate.register(Constant(12.0))
    found, off = (gate.checks(enable_baseline_comparison=on)["candidate_beats_champion"] for on in (True, False))
    gate.registry.client.delete_registered_model_alias(gate.registry.model, "previous_champion")
    assert not found.passed and off.passed
    assert f"though version {former.version} did: launch rollback_job" in found.description


def test_a_champion_that_was_deleted_stops_the_gate(gate):
    lost = gate.register(Constant(12.0))
    gate.champion(lost)
    gate.register(Constant(12.0))
    gate.lose(lost)
    text = str(gate.error())
    gate.registry.client.delete_registered_model_alias(gate.registry.model, "champion")
    assert f"is that of version {lost.version}, which was deleted: launch rollback_job" in text


def test_a_candidate_whose_feature_is_gone(gate):
    gate.register(NeighboursFare(), (NEIGHBOURS,))
    table = gate.table("trip_pickup_features")
    rows = DeltaTable(table).to_pyarrow_table()
    without = rows.drop_columns(["mean_fare_window_1h_pickup_zip"])
    write_deltalake(table, without, mode="overwrite", schema_mode="overwrite")
    text = str(gate.error())
    write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite")
    assert "no longer has ['mean_fare_window_1h_pickup_zip']" in text
    assert "fix that and launch model_training_job again" in text


def test_held_out_trips_whose_files_maintenance_has_removed(gate):
    version = gate.register(Constant(12.0))
    table = DeltaTable(gate.table("trips"))
    write_deltalake(gate.table("trips"), table.to_pyarrow_table(), mode="overwrite")
    hidden = [Path(file) for file in table.file_uris()]
    for file in hidden:
        file.rename(file.with_suffix(".hidden"))
    text = str(gate.error())
    for file in hidden:
        file.with_suffix(".hidden").rename(file)
    read = version.tags["trips_version"]
    assert f"Version {read} of the table trips can't be read any more" in text and AGAIN.search(text)


def test_features_that_are_written_while_they_are_read_are_read_again(gate, monkeypatch):
    gate.register(Constant(12.0))
    real, seen = LocalTables.version, []

    def moves_on(self: LocalTables, name: str) -> int:
        seen.append(name)
        return real(self, name) - (1 if len(seen) == 1 else 0)  # as if the table had a newer version afterwards

    with monkeypatch.context() as patch:
        patch.setattr(LocalTables, "version", moves_on)
        found = gate.checks()["candidate_beats_champion"]
    newest = DeltaTable(gate.table("trip_pickup_features")).version()
    assert number(found, "trip_pickup_features_delta_version") == str(newest)


@pytest.mark.parametrize("function", ["lambda predictions, targets: misspelt", "lambda predictions, targets: None"])
def test_a_custom_metric_that_fails_is_not_taken_for_a_broken_server(gate, function):
    metric = mlflow.models.make_metric(eval_fn=eval(function), greater_is_better=False, name="absolute_bias")
    gate.build(with_validation(custom_metrics=lambda: [metric]))
    gate.register(Constant(12.0))
    text = str(gate.error())
    gate.build()
    said = "raised NameError" if "misspelt" in function else "returned None"
    assert f"The custom metrics of validation/validation.py failed: 'absolute_bias' {said}" in text
    assert "did not answer" not in text


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_a_validation_that_dies_between_its_tags_leaves_no_verdict(gate, monkeypatch, dies_at):
    """Also of a version that had passed before: what is left of that must not promote it."""
    version = gate.register(Constant(12.0), validation_status="passed", validated_against="1", validation_run_id="old")
    real, made = MlflowClient.set_model_version_tag, []

    def dies(self: MlflowClient, *args: object, **kwargs: object) -> None:
        made.append(args)
        if len(made) == dies_at:
            raise DiedError
        real(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_model_version_tag", dies)
        assert not gate.run("validation").success
    left = gate.registry.get(version.version).tags["validation_status"]
    assert left == ("passed" if dies_at == 1 else "judging")  # nothing has begun before the first


def test_a_validation_that_errs_takes_an_earlier_verdict_back(gate, monkeypatch):
    version = gate.register(Constant(float("nan")), validation_status="passed")
    assert "candidate is not a finite number" in str(gate.error())
    assert gate.registry.get(version.version).tags["validation_status"] == "judging"


AGAIN = re.compile("launch model_training_job again|materialize 'fare_model'")


class DiedError(Exception):
    """Stands for the death of the process."""


@pytest.mark.parametrize(
    ("model", "tags", "error", "sentence"),
    [
        (12.0, {"held_out_from": "2030-01-01"}, UnusableRowsError, "No trips are held out"),
        (12.0, {"trips_version": ""}, UnknownHoldOutError, "lacks the tags ['trips_version']"),
        (float("nan"), {}, UnusableRowsError, "candidate is not a finite number for"),
    ],
)
def test_what_cannot_be_measured(gate, model, tags, error, sentence):
    gate.register(Constant(model), **tags)
    text = str(gate.error())
    assert error.__name__ in text and sentence in text and AGAIN.search(text)


def test_a_threshold_on_a_metric_that_is_not_computed(gate):
    gate.build(with_rule("median_error", threshold=1.0, greater_is_better=False))
    gate.register(Constant(12.0))
    text = str(gate.error())
    gate.build()
    assert RuleError.__name__ in text
    assert "'median_error', which is not computed: add it to the custom metrics" in text


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("get_model_version_by_alias", marks=pytest.mark.slow),
        pytest.param("log_batch", marks=pytest.mark.slow),
        "set_model_version_tag",
    ],
)
def test_a_registry_that_fails_midway_leaves_no_verdict_and_the_next_try_completes_it(gate, monkeypatch, call):
    gate.champion(gate.register(Constant(30.0)))
    gate.register(Constant(12.0))

    def broken(*_: object, **__: object) -> None:
        raise MlflowException("API request failed with error code 500")

    read = MlflowClient.get_model_version_by_alias

    def broken_for_the_champion(self: MlflowClient, name: str, alias: str) -> object:
        return broken() if alias == "champion" else read(self, name, alias)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, broken_for_the_champion if call.startswith("get") else broken)
        text = str(gate.error())
    assert RegistryUnavailableError.__name__ in text
    assert "no alias was moved" in text and "re-execute the run from the failed step" in text
    assert gate.checks()["candidate_beats_champion"].passed


@pytest.mark.parametrize("answer", [500, 429, 503, "silence"])
def test_a_server_that_is_away_is_named(monkeypatch, answer):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with server_that_says(answer) as uri:
        registry = ModelRegistry("fare_model", "fares", uri, uri, uri)
        named = f"MLflow at {uri} did not answer as it should"
        with pytest.raises(RegistryUnavailableError, match=named), registry_answers(uri):
            registry.find_alias("champion")


@pytest.mark.parametrize("answer", [500, 429, 503])
def test_a_server_that_takes_no_writes_is_named_and_what_became_of_the_alias(monkeypatch, answer):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    with server_that_says(answer, reads=True) as uri:
        registry = ModelRegistry("fare_model", "fares", uri, uri, uri)
        version = ModelVersion("fare_model", 2, "r")
        with pytest.raises(
            RegistryUnavailableError, match=f"MLflow at {uri} did not answer.*doing it again completes it"
        ):
            give_alias(registry, "champion", version, may_move=bool, from_version=1)
        with pytest.raises(RegistryUnavailableError, match="no alias was moved"), registry_answers(uri):
            registry.tag(version, {"validation_status": "passed"})


@contextmanager
def server_that_says(answer: int | str, reads: bool = False) -> Iterator[str]:
    """With `reads` it knows every version, the first of which holds every alias, and gives `answer` to writes only."""
    done = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answer == "silence":
                done.wait(10)
                return
            if not reads:
                self._say(int(answer), b"")
                return
            asked = parse_qs(urlsplit(self.path).query).get("version", ["1"])[0]
            found = {"name": "fare_model", "version": asked, "run_id": "r", "tags": []}
            self._say(200, json.dumps({"model_version": found}).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say(int(answer), b"")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        done.set()
        server.shutdown()
        server.server_close()
