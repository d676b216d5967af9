"""Rollback, shadow scoring and copies with models that really predict, and one prediction followed all the way back."""

from __future__ import annotations

import re
import shutil
from datetime import date

import dagster as dg
import mlflow
import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.explain import UnexplainedError, explanation
from my_mlops_stacks_tests.gate import FIRST_DAY, LAST_DAY, Constant, Gate

WHO = {"rolled_back_by": "Ada", "reason": "it predicts nonsense"}


class NoLongTrips(Constant):
    def predict(self, context, model_input: pd.DataFrame) -> np.ndarray:
        return np.where(model_input["trip_distance"] > 1, np.nan, self.fare)


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Gate:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        made = Gate(tmp_path_factory.mktemp("gate"))
        made.features()
        return made


def validated(gate: Gate, model: Constant, **tags: str) -> ModelVersion:
    return gate.register(model, validation_status="passed", git_commit="abc123", **tags)


def run(gate: Gate, job: str, days: tuple[str, str] | None = None, **config: object) -> dg.ExecuteInProcessResult:
    tags = {f"dagster/asset_partition_range_{end}": d for end, d in zip(("start", "end"), days or (), strict=False)}
    run_config = {"ops": {op: {"config": values} for op, values in config.items()}}
    return gate.definitions.resolve_job_def(job).execute_in_process(
        run_config=run_config, instance=gate.instance, tags=tags, raise_on_error=False
    )


def promoted(gate: Gate, version: ModelVersion) -> None:
    gate.registry.move_alias("challenger", version)
    assert run(gate, "promote_job").success


def reason(result: dg.ExecuteInProcessResult) -> str:
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return str(errors[0].cause or errors[0])


def ledger(gate: Gate) -> dict[str, object]:
    entry = gate.instance.get_latest_materialization_event(dg.AssetKey("champion")).asset_materialization.metadata
    return {key: found.value for key, found in entry.items()}


def test_a_rollback_gives_the_alias_back_and_asks_for_the_days_again(gate):
    good, bad = validated(gate, Constant(12.0)), validated(gate, Constant(99.0))
    promoted(gate, good), promoted(gate, bad)
    result = run(gate, "rollback_job", roll_back={"version": good.version, "rescore_from": "2016-02-27", **WHO})
    assert result.success
    held = gate.aliases()
    assert (int(held["champion"]), int(held["previous_champion"])) == (good.version, bad.version)
    entry = ledger(gate)
    assert entry["rollback"] and (entry["from_version"], entry["version"]) == (bad.version, good.version)
    assert (entry["decided_by"], entry["reason"]) == ("Ada", "it predicts nonsense")
    repository = gate.definitions.get_repository_def()
    context = dg.build_sensor_context(
        gate.instance, repository_def=repository, resources={"model_registry": gate.registry}
    )
    (request,) = repository.get_sensor_def("champion_sensor").evaluate_tick(context).run_requests
    days = [request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
    assert days == ["2016-02-27", LAST_DAY]
    assert run(gate, "batch_inference_job", tuple(days)).success
    rows = DeltaTable(gate.table("predictions")).to_pandas()
    assert set(rows["prediction"]) == {12.0} and set(rows["model_version"]) == {good.version}


def test_what_cannot_serve_is_not_rolled_back_to(gate):
    champion = validated(gate, Constant(12.0))
    promoted(gate, champion)
    before = gate.aliases()
    silent, failed, gone = (
        validated(gate, NoLongTrips(12.0)),
        gate.register(Constant(12.0), validation_status="failed"),
        validated(gate, Constant(12.0)),
    )
    shutil.rmtree(mlflow.artifacts.download_artifacts(gone.uri, tracking_uri=gate.registry.tracking_uri))
    sentences = {
        silent.version: r"has no prediction for \d+ of 100 trips: no alias was moved",
        failed.version: "its validation_status is 'failed'",
        gone.version: "",
        999: "fare_model has no version 999",
    }
    for version, sentence in sentences.items():
        result = run(gate, "rollback_job", roll_back={"version": version, **WHO})
        assert not result.success
        assert re.search(sentence, reason(result)), reason(result)
        assert {**gate.aliases(), "candidate": ""} == {**before, "candidate": ""}


@pytest.mark.parametrize("left_out", ["version", "rolled_back_by", "reason"])
def test_a_rollback_takes_a_version_a_name_and_a_reason(gate, left_out):
    config = {"version": 1, **WHO}
    del config[left_out]
    with pytest.raises(dg.DagsterInvalidConfigError, match=left_out):
        run(gate, "rollback_job", roll_back=config)


def shadow(gate: Gate, challenger: ModelVersion) -> dg.AssetCheckEvaluation:
    gate.registry.move_alias("challenger", challenger)
    job = dg.define_asset_job("shadow", dg.AssetSelection.checks_for_assets("challenger"))
    definitions = dg.Definitions.merge(gate.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("shadow").execute_in_process(instance=gate.instance, raise_on_error=False)
    (found,) = result.get_asset_check_evaluations()
    return found


def test_the_challenger_predicts_in_the_shadow_what_the_champion_predicted(gate):
    champion = validated(gate, Constant(12.0))
    promoted(gate, champion)
    assert run(gate, "batch_inference_job", (FIRST_DAY, LAST_DAY)).success
    found = shadow(gate, validated(gate, Constant(15.0)))
    rows = DeltaTable(gate.table("predictions")).to_pandas()
    own = rows[rows.model_version == champion.version]
    assert found.passed and found.blocking
    assert found.metadata["trips"].value == len(own)
    table = found.metadata["differences"].value
    assert table.count("\n") >= own["day"].nunique()  # a row a day
    assert "| 12" in table and "| 15" in table and "| 3" in table
    assert "data:image/png;base64," in found.metadata["plot"].value


def test_a_challenger_without_an_answer_for_each_trip_is_blocked(gate):
    promoted(gate, champion := validated(gate, Constant(12.0)))
    assert run(gate, "batch_inference_job", (FIRST_DAY, LAST_DAY)).success
    found = shadow(gate, validated(gate, NoLongTrips(12.0)))
    rows = DeltaTable(gate.table("predictions")).to_pandas()
    long = ((rows.model_version == champion.version) & (rows.trip_distance > 1)).sum()
    assert not found.passed and found.severity is dg.AssetCheckSeverity.ERROR
    assert found.metadata["missing"].value == long


def test_a_validated_version_comes_over_from_another_catalog_with_its_lineage(gate):
    source = validated(gate, Constant(12.0))
    gate.registry.client.log_metric(source.run_id, "root_mean_squared_error", 3.5)
    gate.registry.client.log_text(source.run_id, '{"schema": {"fields": []}, "data": []}', "baseline.json")
    elsewhere = gate.target.model_copy(update={"model_name": "fare_model_of_prod"})
    prod = Gate.__new__(Gate)
    prod.folder, prod.target, prod.instance = gate.folder, elsewhere, gate.instance
    prod.build()
    prod.registry.client.create_registered_model("fare_model_of_prod")
    config = {"model": "fare_model", "version": source.version, "copied_by": "Ada"}
    for _ in range(2):  # again: the same version
        assert run(prod, "copy_model_job", copy_version=config).success
        copied = prod.registry.at_alias("challenger")
        assert copied.version == 1
    assert copied.tags["copied_from"] == f"fare_model/{source.version}"
    assert (copied.tags["git_commit"], copied.tags["copied_by"]) == ("abc123", "Ada")
    assert run(prod, "promote_job").success
    assert prod.registry.run_metrics(prod.registry.at_alias("champion"))["root_mean_squared_error"] == 3.5
    assert prod.registry.baseline(copied).empty
    refused = gate.register(Constant(12.0), validation_status="failed")
    result = run(prod, "copy_model_job", copy_version=config | {"version": refused.version})
    assert "may not be promoted" in reason(result)


def test_a_prediction_is_followed_back_to_run_tables_model_and_commit(gate):
    champion = validated(gate, Constant(12.0))
    promoted(gate, champion)
    scoring = run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY))
    rows = DeltaTable(gate.table("predictions")).to_pandas()
    row = rows[rows.model_version == champion.version].iloc[0]
    told = dict(explanation(gate.instance, gate.registry, row["day"], int(row["model_version"])))
    assert told["predicted"] == f"in Dagster run {scoring.run_id}"
    version = DeltaTable(gate.table("trip_pickup_features")).version()
    assert f"trip_pickup_features version {version}" in told["features"]
    assert champion.run_id in told["model"] and "git commit abc123" in told["trained"]
    assert told["validated"].startswith("passed")
    assert "by automatic: passed validation" in told["champion"]
    with pytest.raises(UnexplainedError, match="no predictions of 2016-01-01 by version"):
        list(explanation(gate.instance, gate.registry, date(2016, 1, 1), champion.version))
