"""What the pipeline makes of its input: trips that change, days without any, and files that are not there."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_core.cli.run import RunFailedError, run_pipeline
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.pipeline_runs import DAYS, HELD_OUT, Pipeline, failure
from my_mlops_stacks_tests.samples import Sample, valid


def built(folder: Path, sample: Sample, trips: pd.DataFrame, days: tuple[str, str]) -> Pipeline:
    """Feature tables of `days` from these trips, which are of the sample's days."""
    made = Pipeline(folder, first_day=sample.day(0), last_day=sample.day(-1))
    file = folder / "trips.parquet"
    file.parent.mkdir(exist_ok=True)
    trips.to_parquet(file)
    assert made.run("feature_engineering_job", days, ingest_trips={"path": str(file)}).success
    return made


def test_the_fare_of_a_trip_is_not_in_the_features_that_it_looks_up(tmp_path, sample):
    """The leak of the ancestor: change one trip's fare, and what this trip is predicted from must stay."""
    trips = sample.valid()
    victim = trips[trips.tpep_pickup_datetime > sample.day(-14)].tpep_pickup_datetime.idxmin()
    trip, days = trips.loc[victim], (sample.day(-15), sample.day(-13))
    usual = built(tmp_path / "usual", sample, trips, days)
    trips.loc[victim, "fare_amount"] += 500.0
    changed = built(tmp_path / "changed", sample, trips, days)

    def looked_up(made: Pipeline) -> list[tuple]:
        features = made.table("trip_pickup_features")
        known = features[
            (features.zip == trip.pickup_zip) & (features.ts.dt.tz_localize(None) <= trip.tpep_pickup_datetime)
        ]
        return [tuple(row) for row in known.itertuples(index=False)]

    assert looked_up(changed) == looked_up(usual)
    everything = changed.table("trip_pickup_features")["mean_fare_window_1h_pickup_zip"].sum()
    assert everything > usual.table("trip_pickup_features")["mean_fare_window_1h_pickup_zip"].sum() + 100


def test_a_day_without_trips_is_an_empty_partition(tmp_path, sample):
    trips = sample.raw()
    gap = [sample.day(-12), sample.day(-11), sample.day(-10)]
    trips = trips[~trips.tpep_pickup_datetime.dt.strftime("%Y-%m-%d").isin(gap)]
    made = built(tmp_path, sample, trips, (sample.day(-13), sample.day(-9)))
    counted = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in made.instance.fetch_materializations(dg.AssetKey("trip_dropoff_features"), limit=10).records
    }
    assert counted[sample.day(-13)] > 0 and counted[sample.day(-9)] > 0
    assert counted[sample.day(-10)] == 0


def test_a_run_whose_check_fails_ends_with_what_the_check_says(tmp_path, monkeypatch, sample):
    trips = sample.valid()
    trips.loc[: len(trips) // 10, "fare_amount"] = -1.0
    trips.to_parquet(tmp_path / "trips.parquet")
    rejected = len(trips) - len(valid(trips))
    monkeypatch.setenv("TRIPS_PATH", str(tmp_path / "trips.parquet"))
    made = Pipeline(tmp_path, first_day=sample.day(0), last_day=sample.day(-1))
    sentence = f"trips.few_trips_are_rejected: {rejected} of {len(trips)} trips were rejected"
    with pytest.raises(RunFailedError, match=sentence):
        run_pipeline(PROJECT, made.target, made.registry, made.instance)


def test_generated_trips_run_too_without_any_input(tmp_path, monkeypatch):
    monkeypatch.delenv("TRIPS_PATH", raising=False)
    made = Pipeline(tmp_path)
    assert made.run("feature_engineering_job", DAYS, ingest_trips={"rows": 2_000}).success
    assert len(made.table("trips")) + len(made.table("rejected_trips")) == 2_000


@pytest.mark.parametrize(
    ("job", "days", "sentence"),
    [
        ("model_training_job", None, "Table my_mlops_stacks.trips does not exist yet: materialize the asset 'trips'"),
        ("batch_inference_job", HELD_OUT, "No version of fare_model holds the alias 'champion' yet"),
        ("monitoring_job", HELD_OUT, "Table my_mlops_stacks.trips does not exist yet"),
    ],
)
def test_what_was_never_built_is_named(tmp_path, job, days, sentence):
    assert sentence in failure(Pipeline(tmp_path).run(job, days))


def test_a_missing_file_is_named(tmp_path):
    result = Pipeline(tmp_path).run("feature_engineering_job", DAYS, ingest_trips={"path": "/no/such/trips.parquet"})
    assert "no/such/trips.parquet" in failure(result)


def test_a_run_that_fails_ends_with_its_cause(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIPS_PATH", "/no/such/trips.parquet")
    made = Pipeline(tmp_path)
    with pytest.raises(RunFailedError, match="ingest_trips: There are no trips at /no/such/trips"):
        run_pipeline(PROJECT, made.target, made.registry, made.instance)
