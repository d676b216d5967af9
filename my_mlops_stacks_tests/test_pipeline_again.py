"""What further runs change after one of the whole pipeline, and that doing it again changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster._core.loader import LoadingContextForTest
from deltalake import DeltaTable

from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.judgements import DESCRIPTIONS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.pipeline_runs import Pipeline, whole_run
from my_mlops_stacks_tests.samples import REAL_TRIPS_ARE_SLOW, Sample

TABLES = ("trips", "trip_pickup_features", "trip_dropoff_features", "predictions", "inference_profile_metrics")
pytestmark = REAL_TRIPS_ARE_SLOW


@pytest.fixture(scope="module")
def after_one_run(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Iterator[Pipeline]:
    with whole_run(tmp_path_factory.mktemp("pipeline"), sample) as made:
        yield made


@pytest.fixture
def pipeline(after_one_run: Pipeline) -> Iterator[Pipeline]:
    """After one run, with its version as champion and no others' predictions, whichever test comes next."""
    registry, first = after_one_run.registry, after_one_run.registry.get(1)
    yield after_one_run
    for alias in ("candidate", "challenger", "champion"):
        registry.move_alias(alias, first)
    registry.client.delete_registered_model_alias(registry.model, "previous_champion")
    DeltaTable(folder_of(after_one_run, "predictions")).delete("model_version > 1")


def folder_of(pipeline: Pipeline, table: str) -> Path:
    return pipeline.target.state_path / "warehouse" / pipeline.target.schema_name / table


def without_clock(pipeline: Pipeline, table: str) -> pd.DataFrame:
    """The rows of a table, but for when they were predicted."""
    return pipeline.table(table).drop(columns=["prediction_time", "last_prediction_time"], errors="ignore")


def test_days_done_again_give_the_same_tables(pipeline, sample):
    before = {name: without_clock(pipeline, name) for name in TABLES}
    for job in ("feature_engineering_job", "batch_inference_job", "monitoring_job"):
        assert pipeline.run(job, (sample.day(-10), sample.day(-9))).success
        assert pipeline.run(job, (sample.day(-8), sample.day(-8))).success
    for name in TABLES:
        pd.testing.assert_frame_equal(without_clock(pipeline, name), before[name])


@pytest.mark.slow
def test_a_machine_in_another_time_zone_makes_the_same_tables(pipeline, sample, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        with whole_run(tmp_path, sample) as made:
            for name in TABLES:
                pd.testing.assert_frame_equal(without_clock(made, name), without_clock(pipeline, name))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_days_that_were_never_predicted_are_no_windows(pipeline, sample):
    before, live_since = pipeline.table("inference_profile_metrics"), date.fromisoformat(sample.day(0))
    definitions = definitions_of(PROJECT, pipeline.target.model_copy(update={"first_predicted_day": live_since}))
    days = {f"dagster/asset_partition_range_{end}": sample.day(day) for end, day in {"start": 4, "end": 5}.items()}
    monitoring = definitions.resolve_job_def("monitoring_job")
    assert monitoring.execute_in_process(instance=pipeline.instance, tags=days).success
    pd.testing.assert_frame_equal(pipeline.table("inference_profile_metrics"), before)


def shown(instance: dg.DagsterInstance) -> set[str]:
    """The checks of the monitoring that Dagster's UI shows: those of the newest materialization of their asset."""
    keys = [dg.AssetCheckKey(dg.AssetKey("monitoring_report"), name) for name in DESCRIPTIONS]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    context = LoadingContextForTest(instance)
    return {key.name for key, record in records.items() if asyncio.run(record.targets_latest_materialization(context))}


def test_judgements_are_shown_until_the_next_monitoring(pipeline, sample):
    last = sample.day(-1)
    for job in ("monitoring_job", "feature_engineering_job", "batch_inference_job"):
        assert pipeline.run(job, (last, last)).success
    assert shown(pipeline.instance) == set(DESCRIPTIONS)


def test_a_day_whose_predictions_are_gone_is_no_window_and_missed(pipeline, sample):
    before, last = sample.day(-2), sample.day(-1)
    DeltaTable(folder_of(pipeline, "predictions")).delete(f"day = '{last}'")
    result = pipeline.run("monitoring_job", (last, last))
    assert result.success
    for name in ("inference_profile_metrics", "inference_drift_metrics"):
        assert pipeline.table(name)["day"].max() == date.fromisoformat(before)
    (missed,) = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert missed.check_name == "predictions_are_fresh"
    assert missed.description == f"{last} should be predicted, and the newest day that is, is {before}"
    pages = pipeline.target.state_path / "monitoring" / pipeline.target.schema_name
    assert "predictions_are_fresh failed" in (pages / f"{last}.html").read_text()
    assert "predictions_are_fresh passed" in (pages / f"{before}.html").read_text()
    for job in ("batch_inference_job", "monitoring_job"):
        assert pipeline.run(job, (last, last)).success
    assert pipeline.table("inference_drift_metrics")["day"].max() == date.fromisoformat(last)


def test_without_the_models_training_rows_errors_are_measured_and_the_drift_is_said_to_be_missing(pipeline, sample):
    days = (_, last) = sample.day(-2), sample.day(-1)
    run_id = pipeline.registry.at_alias("champion").run_id
    (kept,) = (pipeline.target.state_path / "mlflow" / "artifacts").glob(f"{run_id}/**/baseline.json")
    aside = kept.rename(kept.with_suffix(".aside"))
    result = pipeline.run("monitoring_job", days)
    aside.rename(kept)
    assert result.success
    assert pipeline.table("inference_profile_metrics")["day"].max() == date.fromisoformat(last)
    failed = {e.check_name: e.description for e in result.get_asset_check_evaluations() if not e.passed}
    assert set(failed) == {"features_have_not_drifted", "predictions_have_not_drifted"}
    assert f"The drift of {last}, predicted by fare_model/1, is not there yet" in failed["features_have_not_drifted"]
    assert pipeline.run("monitoring_job", days).success
    assert pipeline.table("inference_drift_metrics")["day"].max() == date.fromisoformat(last)


def test_a_second_training_on_the_same_trips_ties_and_takes_over(pipeline, sample):
    first = pipeline.registry.at_alias("champion")
    days = (sample.day(-2), sample.day(-2))
    old = pipeline.table("predictions")
    assert pipeline.run("model_training_job").success
    second = pipeline.registry.at_alias("champion")
    assert second.version == pipeline.registry.at_alias("candidate").version > first.version
    assert pipeline.registry.at_alias("previous_champion").version == first.version
    assert pipeline.run("batch_inference_job", days).success
    kept = pipeline.table("predictions")
    kept = kept[kept.model_version == first.version].reset_index(drop=True)
    assert len(kept) == len(old)  # what the first version predicted stays


def test_a_violation_retrains_once_for_a_stated_reason(pipeline, sample):
    strict = pipeline.target.monitoring_workflow.model_copy(update={"metric_violation_threshold": 1.0})
    definitions = definitions_of(PROJECT, pipeline.target.model_copy(update={"monitoring_workflow": strict}))
    held_out = sample.day(-15), sample.day(-1)
    tags = {"dagster/asset_partition_range_start": held_out[0], "dagster/asset_partition_range_end": held_out[1]}
    monitored = definitions.resolve_job_def("monitoring_job").execute_in_process(instance=pipeline.instance, tags=tags)
    sensor = definitions.get_repository_def().get_sensor_def("retraining_sensor")

    def tick(cursor: str | None = None):
        context = dg.build_sensor_context(
            pipeline.instance, cursor=cursor, repository_def=definitions.get_repository_def()
        )
        return sensor.evaluate_tick(context)

    first = tick()
    (request,) = first.run_requests
    assert request.tags["retraining/monitoring_run_id"] == monitored.run_id
    assert "root_mean_squared_error is above 1 USD in 5 of the last 5 days" in request.tags["retraining/reason"]
    assert request.tags["retraining/windows"].startswith(f"{sample.day(-1)}, {sample.day(-2)}")
    again = tick(first.cursor)
    assert not again.run_requests
    assert "Already asked to retrain" in again.skip_message

    assert pipeline.run("monitoring_job", held_out).success
    assert "No violation" in tick(first.cursor).skip_message


def test_a_candidate_that_fails_a_rule_is_not_promoted(pipeline):
    before = pipeline.registry.at_alias("champion").version
    result = pipeline.run("model_training_job", fare_model={"num_boost_round": 1})
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert result.success  # a refusal is a normal outcome
    assert {"root_mean_squared_error_within_threshold", "candidate_beats_champion"} <= failed
    assert pipeline.registry.at_alias("champion").version == before
    assert pipeline.registry.at_alias("candidate").tags["validation_status"] == "failed"
    alone = pipeline.definitions.resolve_job_def("model_training_job").execute_in_process(
        instance=pipeline.instance, asset_selection=[dg.AssetKey("challenger")], raise_on_error=False
    )
    # In a run of its own no check blocks: the version's tag does.
    assert "refused" in pipeline.instance.get_run_by_id(alone.run_id).tags
    assert not alone.asset_materializations_for_node("challenger")
    assert pipeline.registry.at_alias("champion").version == before


def test_a_dry_run_reports_and_never_promotes(pipeline):
    before = pipeline.registry.at_alias("champion").version
    result = pipeline.run("model_training_job", candidate_validation={"run_mode": "dry_run"})
    assert result.success
    assert pipeline.registry.at_alias("champion").version == before
    assert pipeline.registry.at_alias("candidate").tags["validation_status"] == "dry_run"
