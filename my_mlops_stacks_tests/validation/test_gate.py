"""The gate on a real MLflow on SQLite and real Delta tables: what it measures, what it writes, what it refuses.

Most versions here predict a constant: what they must measure follows from the fares alone, without the code under test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import dagster as dg
import mlflow
import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from my_mlops_stacks.adapters.evaluation import CannotScoreError
from my_mlops_stacks.adapters.model_registry import ModelRegistry
from my_mlops_stacks.adapters.registry_errors import RegistryUnavailableError, registry_answers
from my_mlops_stacks.defs.candidate_validation import UnknownHoldOutError
from my_mlops_stacks.validation.comparison import UnusableRowsError
from my_mlops_stacks.validation.rules import RuleError
from my_mlops_stacks.validation.validation import THRESHOLDS
from my_mlops_stacks_tests.gate import HELD_OUT_FROM, NEIGHBOURS, Constant, Gate, NeighboursFare


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Gate:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        made = Gate(tmp_path_factory.mktemp("gate"))
        made.features()
        return made


def rmse_of(fares: pd.Series, predicted: float | np.ndarray) -> float:
    return float(np.sqrt(((fares - predicted) ** 2).mean()))


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
    assert number(found, "value") == pytest.approx(rmse_of(fares, 12.0))
    assert number(found, "bound") == THRESHOLDS["root_mean_squared_error"]["threshold"]
    assert number(found, "held_out_trips") == len(fares)
    assert number(checks["absolute_bias_within_threshold"], "value") == pytest.approx(abs(12.0 - fares.mean()))


def test_a_failed_rule_is_an_error_keeps_the_alias_and_leaves_its_report_in_mlflow(gate):
    champion, version = gate.register(Constant(30.0)), gate.register(Constant(12.0))
    gate.champion(champion)
    gate.registry.move_alias("candidate", version)
    before = gate.aliases()
    result = gate.run()
    checks = {found.check_name: found for found in result.get_asset_check_evaluations()}
    assert checks["candidate_beats_champion"].passed and not checks["r2_score_within_threshold"].passed
    assert {found.severity for found in checks.values() if not found.passed} == {dg.AssetCheckSeverity.ERROR}
    assert not result.success
    assert gate.aliases() == before

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
    assert number(found, "value") == pytest.approx(rmse_of(fares, fare))
    assert number(found, "bound") == pytest.approx(rmse_of(fares, 30.0))
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
    assert number(found, "bound") == pytest.approx(rmse_of(joined["fare_amount"], expected))
    assert "The champion looked up: `neighbours_fare`." in number(found, "report")
    assert "The candidate looked up: nothing." in number(found, "report")


def test_trips_that_arrive_later_change_nothing(gate):
    version = gate.register(Constant(12.0))
    before = number(gate.checks()["root_mean_squared_error_within_threshold"], "value")
    trips = DeltaTable(gate.table("trips")).to_pyarrow_table()
    write_deltalake(gate.table("trips"), trips, mode="append")
    assert gate.held_out()["fare_amount"].size > gate.held_out(int(version.tags["trips_version"])).shape[0]
    found = gate.checks()["root_mean_squared_error_within_threshold"]
    assert number(found, "value") == pytest.approx(before)
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


def test_validation_that_is_switched_off_is_told_loudly(gate):
    version = gate.register(Constant(12.0))
    checks = gate.checks(run_mode="disabled")
    assert {found.passed for found in checks.values()} == {False}
    assert {found.description for found in checks.values()} == {"Not judged: run_mode is 'disabled'"}
    tags = gate.registry.get(version.version).tags
    assert tags["validation_status"] == "skipped"
    assert "nobody: run_mode was 'disabled' in the Dagster run" in tags["validated_against"]


def test_without_the_comparison_the_champion_is_no_reason_to_fail(gate):
    gate.champion(gate.register(Constant(12.0)))
    gate.register(Constant(60.0))
    found = gate.checks(enable_baseline_comparison=False)["candidate_beats_champion"]
    assert found.passed
    assert "enable_baseline_comparison is off" in found.description


def test_a_rule_of_ones_own_is_a_check_of_its_own(gate, monkeypatch):
    monkeypatch.setitem(
        THRESHOLDS, "max_error", {"threshold": 1e6, "min_absolute_change": 1e6, "greater_is_better": False}
    )
    gate.build()
    gate.champion(gate.register(Constant(30.0)))
    gate.register(Constant(12.0))
    checks = gate.checks()
    worst = (gate.held_out()["fare_amount"] - 12.0).abs().max()
    assert checks["max_error_within_threshold"].passed
    assert number(checks["max_error_within_threshold"], "value") == pytest.approx(worst)
    assert not checks["max_error_improves_on_champion"].passed
    monkeypatch.undo()
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
    assert "has no feature_spec.yaml" in text and "materialize 'fare_model' again" in text


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


@pytest.mark.parametrize(
    ("model", "tags", "error", "sentence"),
    [
        (12.0, {"held_out_from": "2030-01-01"}, UnusableRowsError, "No trips are held out"),
        (12.0, {"trips_version": ""}, UnknownHoldOutError, "lacks the tags ['trips_version']"),
        (float("nan"), {}, UnusableRowsError, "candidate is no finite number for"),
    ],
)
def test_what_cannot_be_measured(gate, model, tags, error, sentence):
    gate.register(Constant(model), **tags)
    text = str(gate.error())
    assert error.__name__ in text and sentence in text and "materialize 'fare_model'" in text


def test_a_threshold_on_a_metric_that_is_not_computed(gate, monkeypatch):
    monkeypatch.setitem(THRESHOLDS, "median_error", {"threshold": 1.0, "greater_is_better": False})
    gate.build()
    gate.register(Constant(12.0))
    text = str(gate.error())
    monkeypatch.undo()
    gate.build()
    assert RuleError.__name__ in text
    assert "'median_error', which is not computed: add it to custom_metrics()" in text


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


@contextmanager
def server_that_says(answer: int | str) -> Iterator[str]:
    done = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answer == "silence":
                done.wait(10)
                return
            self.send_response(int(answer))
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        done.set()
        server.shutdown()
        server.server_close()
