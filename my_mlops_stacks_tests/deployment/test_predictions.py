"""What is scored is known at the pickup, rows say who predicted them and when, and a champion that fails is named."""

from __future__ import annotations

from datetime import date, datetime

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_plan

from mlops_core.deployment.prediction_columns import prediction_columns
from mlops_core.deployment.predictions import as_predictions, to_score
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.deployment.acts import promoted, reason, rolled_back, run
from my_mlops_stacks_tests.gate import LAST_DAY, NEIGHBOURS, Constant, NeighboursFare

PREDICTIONS = dg.AssetKey("predictions")


def test_only_the_asked_days_are_scored_and_without_what_the_end_of_a_trip_tells(trips_of):
    trips = trips_of(
        [
            (f"2016-01-{day:02d} 23:50:00", f"2016-01-{day + 1:02d} 00:10:00", 1.0, 10.0, 10001, 10002)
            for day in (4, 5, 6)
        ]
    )
    asked = to_score(TRIPS, trips, date(2016, 1, 5), date(2016, 1, 5))
    assert [str(row["day"]) for row in asked.collect()] == ["2016-01-05"]
    assert not {"fare_amount", "tpep_dropoff_datetime"} & set(asked.columns)


def test_a_prediction_carries_its_model_and_its_time(trips_of):
    trips = trips_of([("2016-01-05 23:50:00", "2016-01-06 00:10:00", 1.0, 10.0, 10001, 10002)])
    scored = trips.drop("day").selectExpr("*", "12.5D as prediction")
    got = as_predictions(TRIPS, scored, "fare_model", 7, datetime(2016, 1, 6, 11, 0, 30, 999))
    declared = {name: kind for name, (kind, _) in prediction_columns(PROJECT).items()}
    assert {name: dict(got.dtypes)[name] for name in declared} == declared
    row = got.selectExpr("model_name", "model_version", "cast(prediction_time as string) at", "cast(day as string) day")
    assert tuple(row.collect()[0]) == ("fare_model", 7, "2016-01-06 11:00:30", "2016-01-05")


def test_a_champion_whose_feature_is_gone_names_the_fix(gate, without_neighbours):
    version = promoted(gate, NeighboursFare(), NEIGHBOURS)
    with without_neighbours():
        text = reason(run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)))
    assert f"The champion, version {version.version}, can't be scored: bring back what it needs" in text
    assert "no longer has ['mean_fare_window_1h_pickup_zip']" in text


def test_a_champion_that_was_deleted_names_the_fix(gate):
    good, lost = promoted(gate, Constant(12.0)), promoted(gate, Constant(13.0))
    gate.lose(lost)
    text = reason(run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)))
    assert f"is that of version {lost.version}, which was deleted: launch rollback_job" in text
    assert rolled_back(gate, good).success
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success


def test_a_run_that_goes_on_after_a_rollback_predicts_with_who_is_champion(gate):
    """The run promoted a version and failed at the predictions: going on, it does not bring back the bad one."""
    good, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    promotion = gate.instance.get_latest_materialization_event(dg.AssetKey("champion")).run_id
    assert rolled_back(gate, good).success
    job = gate.definitions.resolve_job_def("batch_inference_job")
    job = job.get_subset(asset_selection={PREDICTIONS}, asset_check_selection=set())
    days = {f"dagster/asset_partition_range_{end}": LAST_DAY for end in ("start", "end")}
    goes_on = gate.instance.create_run_for_job(job, tags=days, parent_run_id=promotion, root_run_id=promotion)
    events = execute_plan(create_execution_plan(job), InMemoryJob(job), gate.instance, goes_on)
    assert not [event for event in events if event.is_step_failure]
    record = gate.instance.get_latest_materialization_event(PREDICTIONS)
    assert record.run_id == goes_on.run_id != promotion
    assert record.asset_materialization.metadata["model_version"].value == good.version
    assert gate.aliases()["previous_champion"] == bad.version
