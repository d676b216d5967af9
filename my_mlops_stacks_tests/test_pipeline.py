"""What one run of the whole pipeline on this machine makes, as Dagster runs it; each test only looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import duckdb
import pandas as pd
import pytest

from mlops_core.cli.explain import row_of
from mlops_core.cli.why import why
from mlops_core.defs.resources import adapters
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.pipeline_runs import Pipeline, whole_run
from my_mlops_stacks_tests.samples import ON_THE_REAL_TRIPS, TIMES, Sample

TRIP = ["tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Iterator[Pipeline]:
    with whole_run(tmp_path_factory.mktemp("pipeline"), sample) as made:
        yield made


def test_every_trip_is_accepted_or_kept_aside(pipeline, sample):
    columns = list(TRIPS.types)
    accepted = pipeline.table("trips")[columns].sort_values(columns, ignore_index=True)
    expected = sample.valid()[columns].sort_values(columns, ignore_index=True)
    zoned = {name: expected[name].dt.tz_localize("UTC") for name in TIMES}
    pd.testing.assert_frame_equal(accepted, expected.assign(**zoned))
    rejected = pipeline.table("rejected_trips")
    assert len(rejected) == len(sample.raw()) - len(expected) > 0
    assert rejected["reason"].str.len().min() > 0


def test_the_models_error_is_that_of_its_predictions(pipeline):
    metrics = pipeline.registry.run_metrics(pipeline.registry.at_alias("champion"))
    both = pipeline.table("predictions").merge(pipeline.table("trips"), on=TRIP)
    error = both["prediction"] - both["fare_amount"]
    assert metrics["example_count"] == len(both)
    assert metrics["root_mean_squared_error"] == pytest.approx((error**2).mean() ** 0.5)
    assert metrics["mean_absolute_error"] == pytest.approx(error.abs().mean())
    assert metrics["root_mean_squared_error"] < metrics["root_mean_squared_error_of_constant"] / 2


@ON_THE_REAL_TRIPS
def test_the_model_is_as_good_as_honest_features_allow(pipeline):
    metrics = pipeline.registry.run_metrics(pipeline.registry.at_alias("champion"))
    assert metrics["root_mean_squared_error"] <= 2.8
    assert metrics["root_mean_squared_error"] < metrics["root_mean_squared_error_of_constant"] / 3
    assert metrics["example_count"] == 2_903
    assert (len(pipeline.table("trips")), len(pipeline.table("rejected_trips"))) == (9_961, 39)


def test_the_first_version_holds_every_alias_but_the_previous_one(pipeline):
    versions = {alias: pipeline.registry.find_alias(alias) for alias in ("candidate", "challenger", "champion")}
    assert len({version.version for version in versions.values()}) == 1
    assert versions["champion"].tags["validation_status"] == "passed"


def test_every_held_out_trip_is_predicted_once_by_the_champion(pipeline, sample):
    predictions, trips = pipeline.table("predictions"), pipeline.table("trips")
    unseen = trips[trips.tpep_pickup_datetime.dt.tz_localize(None) >= sample.day(-15)]
    assert len(predictions) == len(unseen)
    assert predictions["prediction"].notna().all()
    assert set(predictions["model_version"]) == {pipeline.registry.at_alias("champion").version}
    assert (predictions["prediction_time"] <= datetime.now(UTC)).all()
    assert "fare_amount" not in predictions and "tpep_dropoff_datetime" not in predictions


def test_features_of_a_prediction_are_those_of_the_window_before_its_pickup(pipeline):
    predictions, features = pipeline.table("predictions"), pipeline.table("trip_pickup_features")
    expected = pd.merge_asof(
        predictions[["tpep_pickup_datetime", "pickup_zip"]].sort_values("tpep_pickup_datetime"),
        features[["ts", "zip", "mean_fare_window_1h_pickup_zip"]].sort_values("ts"),
        left_on="tpep_pickup_datetime",
        right_on="ts",
        left_by="pickup_zip",
        right_by="zip",
        tolerance=pd.Timedelta(minutes=15) - pd.Timedelta(microseconds=1),
    )["mean_fare_window_1h_pickup_zip"]
    got = predictions.sort_values("tpep_pickup_datetime")["mean_fare_window_1h_pickup_zip"]
    assert sorted(got.fillna(-1)) == pytest.approx(sorted(expected.fillna(-1)))


def test_the_monitor_tables_describe_each_day(pipeline):
    profile, predictions = pipeline.table("inference_profile_metrics"), pipeline.table("predictions")
    profile = profile[profile["slice_key"].isna() & (profile["column_name"] == ":table")]
    assert profile["count"].sum() == profile["labelled_count"].sum() == len(predictions)
    trips = pipeline.table("trips")
    expected = duckdb.query(f"""
        SELECT CAST(p.day AS VARCHAR) AS day, sqrt(avg((prediction - fare_amount) ** 2)) AS rmse
        FROM predictions p JOIN trips t USING ({", ".join(TRIP)})
        GROUP BY p.day ORDER BY p.day
    """).df()
    got = profile.sort_values("day")["root_mean_squared_error"]
    assert list(got) == pytest.approx(list(expected["rmse"]))
    assert len(trips) and pipeline.table("inference_drift_metrics").groupby("column_name").size().nunique() == 1
    assert (pipeline.table("inference_drift_metrics")["drift_type"] == "CONSECUTIVE").sum() == 9 * 14


def test_every_day_has_a_page_that_needs_no_network(pipeline, sample):
    folder = pipeline.target.state_path / "monitoring" / "my_mlops_stacks"
    assert len(list(folder.glob("2*.html"))) == 15
    text = (folder / f"{sample.day(-1)}.html").read_text()
    assert "metric_within_threshold passed" in text
    assert "http" not in text


def test_each_day_of_a_run_over_many_links_its_own_page(pipeline):
    folder = pipeline.target.state_path / "monitoring" / "my_mlops_stacks"
    records = pipeline.instance.fetch_materializations(dg.AssetKey("monitoring_report"), limit=100).records
    linked = {record.partition_key: record.asset_materialization.metadata["page"].value for record in records}
    assert linked == {
        page.stem: f"http://127.0.0.1:3001/my_mlops_stacks/{page.name}" for page in folder.glob("2*.html")
    }


def test_each_partition_has_its_own_row_count(pipeline):
    records = pipeline.instance.fetch_materializations(dg.AssetKey("trip_pickup_features"), limit=100).records
    counts = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in records
    }
    stored = pipeline.table("trip_pickup_features").groupby("day").size()
    assert counts == {str(day): count for day, count in stored.items()}
    assert len(set(counts.values())) > len(counts) / 2


@pytest.mark.parametrize(
    "asset", ["trip_pickup_features", "predictions", "inference_profile_metrics", "inference_drift_metrics"]
)
def test_each_partition_previews_rows_of_its_own_day(pipeline, asset):
    records = pipeline.instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    stored = pipeline.table(asset).groupby("day").size()
    assert len(records) == len({record.partition_key for record in records}) >= 15
    for record in records:
        preview = record.asset_materialization.metadata["preview"].value
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in preview.splitlines()]
        days = [row[head.index("day")] for row in rows]
        assert days == [record.partition_key] * min(5, stored[date.fromisoformat(record.partition_key)])


def test_the_ui_gets_schemas_lineage_previews_and_plots(pipeline):
    def metadata(asset: str) -> dict:
        return pipeline.instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization.metadata

    columns = metadata("trip_pickup_features")["dagster/column_schema"].value.columns
    assert all(column.description for column in columns)
    lineage = metadata("predictions")["dagster/column_lineage"].value.deps_by_column
    assert lineage["pickup_hour"][0].column_name == "tpep_pickup_datetime"
    for asset, plot in (
        ("fare_model", "feature_importance"),
        ("monitoring_report", "metric_over_time"),
        ("monitoring_report", "drift"),
    ):
        assert metadata(asset)[plot].value.startswith("![plot](data:image/png;base64,")
    assert "/runs/" in metadata("fare_model")["mlflow_run"].value


def test_mlflow_says_what_a_model_predicts_from_what_and_whether_it_passed(pipeline, sample):
    registry = pipeline.registry
    model = registry.client.get_registered_model(registry.model)
    champion = registry.client.get_model_version_by_alias(registry.model, "champion")
    assert model.description.startswith("Predicts `fare_amount` of a trip") and "in USD" in model.description
    measured = registry.client.get_run(champion.run_id).data.metrics["root_mean_squared_error"]
    assert f"Trained on the days from {sample.day(0)} on, before {sample.day(-15)}" in champion.description
    assert f"On the days held out, to {sample.day(-1)}: root_mean_squared_error {measured:.4g}," in champion.description
    assert champion.description.endswith("Validation: passed, against champion none.")


def test_the_training_of_a_champion_is_a_link(pipeline):
    (record,) = pipeline.instance.fetch_materializations(dg.AssetKey("champion"), limit=9).records
    trained_in = record.asset_materialization.metadata["trained_in_dagster_run"]
    assert isinstance(trained_in, dg.DagsterRunMetadataValue)
    assert trained_in.run_id == pipeline.results["model_training_job"].run_id


def test_every_check_passed(pipeline):
    evaluations = [e for result in pipeline.results.values() for e in result.get_asset_check_evaluations()]
    assert len(evaluations) == 22
    assert [e.check_name for e in evaluations if not e.passed] == []


def test_a_prediction_is_told_as_what_its_inputs_add_to_a_base_value(pipeline):
    row = pipeline.table("predictions").iloc[0]
    event = [f"{name}={row[name]}".replace("+00:00", "") for name in TRIP]
    with adapters(PROJECT, pipeline.target, "tables", "spark", "model_registry") as resources:
        by = row["day"], row["model_name"], row["model_version"]
        asked = row_of(PROJECT, resources.tables, event, by)
        told = list(why(PROJECT, resources.model_registry, int(row["model_version"]), asked))
        fare = replace(PROJECT.model, training=replace(PROJECT.model.training, flavor="xgboost"))
        of_today = replace(PROJECT, models=(fare,))
        ((_, unknown),) = why(of_today, resources.model_registry, int(row["model_version"]), asked)
    assert unknown.endswith("can't explain this version: it is a model of lightgbm, and the project's are of xgboost")
    (_, first), *inputs = told
    total, base = re.fullmatch(r"([\d.]+) USD: ([\d.]+) USD for any trip, and by its inputs", first).groups()
    added = [float(sentence.split()[0]) for _, sentence in inputs]
    assert float(total) == pytest.approx(row["prediction"], rel=1e-3)
    assert float(base) + sum(added) == pytest.approx(row["prediction"], abs=0.02)
    sizes = [abs(value) for value in added[:-1]]
    assert sizes == sorted(sizes, reverse=True) and inputs[-1][1].endswith(" more")
    assert any(f"trip_distance = {row['trip_distance']:g} mi" in sentence for _, sentence in inputs)
    artifacts = pipeline.registry.client.list_artifacts(pipeline.registry.at_alias("champion").run_id)
    assert "mean_contributions.png" in {artifact.path for artifact in artifacts}
