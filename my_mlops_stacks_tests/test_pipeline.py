"""The whole pipeline on this machine, as Dagster runs it: what it makes, and that doing it again changes nothing."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest
from deltalake import DeltaTable

from my_mlops_stacks.adapters.model_registry import ModelRegistry
from my_mlops_stacks.definitions import build_definitions
from my_mlops_stacks.defs.resources import build_resources
from my_mlops_stacks.pipeline import RunFailedError, run_pipeline
from my_mlops_stacks.target import Target, load_target

DAYS = ("2016-01-01", "2016-02-29")


class Pipeline:
    """A state folder of its own, and the means to run jobs on it and to look at what they made."""

    def __init__(self, folder: Path) -> None:
        self.target: Target = load_target("local", environ={"BUNDLE_VAR_state_folder": str(folder / "state")})
        self.instance = dg.DagsterInstance.ephemeral()
        self.definitions = build_definitions(self.target)
        with dg.build_resources({"r": build_resources(self.target)["model_registry"]}) as resources:
            self.registry: ModelRegistry = resources.r

    def run(self, job: str, days: tuple[str, str] | None = None, **config: object) -> dg.ExecuteInProcessResult:
        tags = {
            f"dagster/asset_partition_range_{end}": day for end, day in zip(("start", "end"), days or (), strict=False)
        }
        run_config = {"ops": {op: {"config": values} for op, values in config.items()}}
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config=run_config, instance=self.instance, tags=tags, raise_on_error=False
        )

    def table(self, name: str) -> pd.DataFrame:
        """The Delta table, read without any code of the project."""
        table = DeltaTable(self.target.state_path / "warehouse" / self.target.schema_name / name)
        nested = ["window", "window_cmp", "quantiles", "ks_test", "chi_squared_test"]
        rows = table.to_pandas().drop(columns=nested, errors="ignore")
        return rows.sort_values(list(rows.columns), ignore_index=True)


def failure(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(
        str(event.step_failure_data.error.cause or event.step_failure_data.error)
        for event in result.all_events
        if event.is_step_failure
    )


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory, real_path) -> Pipeline:
    """The pipeline after one whole run on the real trips."""
    made = Pipeline(tmp_path_factory.mktemp("pipeline"))
    made.results = run_pipeline(made.target, made.registry, made.instance)
    return made


@pytest.fixture(scope="module")
def real_path(tmp_path_factory) -> Path:
    from my_mlops_stacks_tests.conftest import find_real_trips

    with pytest.MonkeyPatch.context() as patch:
        path = find_real_trips()
        patch.setenv("TRIPS_PATH", str(path))
        yield path


def test_every_real_trip_is_accepted_or_kept_aside(pipeline):
    assert len(pipeline.table("trips")) == 9_961
    rejected = pipeline.table("rejected_trips")
    assert len(rejected) == 39
    assert rejected["reason"].str.len().min() > 0


def test_the_model_is_as_good_as_honest_features_allow(pipeline):
    metrics = pipeline.registry.run_metrics(pipeline.registry.at_alias("champion"))
    assert metrics["root_mean_squared_error"] <= 2.8
    assert metrics["root_mean_squared_error"] < metrics["rmse_of_mean_fare"] / 3
    assert metrics["example_count"] == 2_903


def test_the_first_version_holds_every_alias_but_the_previous_one(pipeline):
    versions = {alias: pipeline.registry.find_alias(alias) for alias in ("candidate", "challenger", "champion")}
    assert len({version.version for version in versions.values()}) == 1
    assert versions["champion"].tags["validation_status"] == "passed"


def test_every_held_out_trip_is_predicted_once_by_the_champion(pipeline):
    predictions, trips = pipeline.table("predictions"), pipeline.table("trips")
    unseen = trips[trips.tpep_pickup_datetime.dt.tz_localize(None) >= "2016-02-15"]
    assert len(predictions) == len(unseen)
    assert predictions["prediction"].notna().all()
    assert set(predictions["model_version"]) == {pipeline.registry.at_alias("champion").version}
    assert (predictions["prediction_time"].dt.tz_localize(None) <= datetime.now()).all()
    assert "fare_amount" not in predictions and "tpep_dropoff_datetime" not in predictions


def test_features_of_a_prediction_are_the_newest_known_at_its_pickup(pipeline):
    predictions, features = pipeline.table("predictions"), pipeline.table("trip_pickup_features")
    expected = pd.merge_asof(
        predictions[["tpep_pickup_datetime", "pickup_zip"]].sort_values("tpep_pickup_datetime"),
        features[["ts", "zip", "mean_fare_window_1h_pickup_zip"]].sort_values("ts"),
        left_on="tpep_pickup_datetime",
        right_on="ts",
        left_by="pickup_zip",
        right_by="zip",
    )["mean_fare_window_1h_pickup_zip"]
    got = predictions.sort_values("tpep_pickup_datetime")["mean_fare_window_1h_pickup_zip"]
    assert sorted(got.fillna(-1)) == pytest.approx(sorted(expected.fillna(-1)))


def test_the_monitor_tables_describe_each_day(pipeline):
    profile, predictions = pipeline.table("inference_profile_metrics"), pipeline.table("predictions")
    profile = profile[profile["slice_key"].isna() & (profile["column_name"] == ":table")]
    assert profile["count"].sum() == profile["labelled_count"].sum() == len(predictions)
    trips = pipeline.table("trips")
    expected = duckdb.query("""
        SELECT CAST(p.day AS VARCHAR) AS day, sqrt(avg((prediction - fare_amount) ** 2)) AS rmse
        FROM predictions p JOIN trips t USING (tpep_pickup_datetime, pickup_zip, dropoff_zip, trip_distance)
        GROUP BY p.day ORDER BY p.day
    """).df()
    got = profile.sort_values("day")["root_mean_squared_error"]
    assert list(got) == pytest.approx(list(expected["rmse"]))
    assert len(trips) and pipeline.table("inference_drift_metrics").groupby("column_name").size().nunique() == 1
    assert (pipeline.table("inference_drift_metrics")["drift_type"] == "CONSECUTIVE").sum() == 9 * 14


def test_every_day_has_a_page_that_needs_no_network(pipeline):
    folder = pipeline.target.state_path / "monitoring"
    assert len(list(folder.glob("*.html"))) == 15
    text = (folder / "2016-02-29.html").read_text()
    assert "metric_within_threshold passed" in text
    assert "http" not in text


def test_each_day_of_a_run_over_many_links_its_own_page(pipeline):
    folder = pipeline.target.state_path / "monitoring"
    records = pipeline.instance.fetch_materializations(dg.AssetKey("monitoring_report"), limit=100).records
    linked = {record.partition_key: record.asset_materialization.metadata["page"].value for record in records}
    assert linked == {page.stem: page.as_uri() for page in folder.glob("*.html")}


def test_each_partition_has_its_own_row_count(pipeline):
    records = pipeline.instance.fetch_materializations(dg.AssetKey("trip_pickup_features"), limit=100).records
    counts = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in records
    }
    stored = pipeline.table("trip_pickup_features").groupby("day").size()
    assert counts == {str(day): count for day, count in stored.items()}
    assert len(set(counts.values())) > 30


def test_the_ui_gets_schemas_lineage_previews_and_plots(pipeline):
    def metadata(asset: str) -> dict:
        return pipeline.instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization.metadata

    columns = metadata("trip_pickup_features")["dagster/column_schema"].value.columns
    assert all(column.description for column in columns)
    lineage = metadata("predictions")["dagster/column_lineage"].value.deps_by_column
    assert lineage["pickup_hour"][0].column_name == "tpep_pickup_datetime"
    for asset, plot in (
        ("fare_model", "feature_importance"),
        ("monitoring_report", "error_over_time"),
        ("monitoring_report", "drift"),
    ):
        assert metadata(asset)[plot].value.startswith("![plot](data:image/png;base64,")
    assert "/runs/" in metadata("fare_model")["mlflow_run"].value


def test_every_check_passed(pipeline):
    evaluations = [e for result in pipeline.results.values() for e in result.get_asset_check_evaluations()]
    assert len(evaluations) == 18
    assert [e.check_name for e in evaluations if not e.passed] == []


def test_days_done_again_give_the_same_tables(pipeline):
    names = ("trips", "trip_pickup_features", "trip_dropoff_features", "predictions", "inference_profile_metrics")
    before = {name: pipeline.table(name) for name in names}
    for job in ("feature_engineering_job", "batch_inference_job", "monitoring_job"):
        assert pipeline.run(job, ("2016-02-20", "2016-02-21")).success
        assert pipeline.run(job, ("2016-02-22", "2016-02-22")).success
    for name in names:
        pd.testing.assert_frame_equal(
            pipeline.table(name).drop(columns=["prediction_time", "last_prediction_time"], errors="ignore"),
            before[name].drop(columns=["prediction_time", "last_prediction_time"], errors="ignore"),
        )


def test_a_day_whose_predictions_are_gone_is_no_window_and_missed(pipeline):
    last = "2016-02-29"
    folder = pipeline.target.state_path / "warehouse" / pipeline.target.schema_name / "predictions"
    DeltaTable(folder).delete(f"day = '{last}'")
    result = pipeline.run("monitoring_job", (last, last))
    assert result.success
    for name in ("inference_profile_metrics", "inference_drift_metrics"):
        assert pipeline.table(name)["day"].max() == date(2016, 2, 28)
    (missed,) = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert missed.check_name == "predictions_are_fresh"
    assert missed.description == f"{last} should be predicted, and the newest day that is, is 2016-02-28"
    pages = pipeline.target.state_path / "monitoring"
    assert "predictions_are_fresh failed" in (pages / f"{last}.html").read_text()
    assert "predictions_are_fresh passed" in (pages / "2016-02-28.html").read_text()
    for job in ("batch_inference_job", "monitoring_job"):
        assert pipeline.run(job, (last, last)).success
    assert pipeline.table("inference_drift_metrics")["day"].max() == date(2016, 2, 29)


def test_without_the_models_training_rows_errors_are_measured_and_the_drift_is_said_to_be_missing(pipeline):
    days = ("2016-02-28", "2016-02-29")
    run_id = pipeline.registry.at_alias("champion").run_id
    (kept,) = (pipeline.target.state_path / "mlflow" / "artifacts").glob(f"{run_id}/**/baseline.json")
    aside = kept.rename(kept.with_suffix(".aside"))
    result = pipeline.run("monitoring_job", days)
    aside.rename(kept)
    assert result.success
    assert pipeline.table("inference_profile_metrics")["day"].max() == date(2016, 2, 29)
    failed = {e.check_name: e.description for e in result.get_asset_check_evaluations() if not e.passed}
    assert set(failed) == {"features_have_not_drifted", "predictions_have_not_drifted"}
    assert "The drift of 2016-02-29, predicted by fare_model/1, is not there yet" in failed["features_have_not_drifted"]
    assert pipeline.run("monitoring_job", days).success
    assert pipeline.table("inference_drift_metrics")["day"].max() == date(2016, 2, 29)


def test_a_second_training_on_the_same_trips_ties_and_takes_over(pipeline):
    first = pipeline.registry.at_alias("champion")
    days = ("2016-02-28", "2016-02-28")
    old = pipeline.table("predictions")
    assert pipeline.run("model_training_job").success
    second = pipeline.registry.at_alias("champion")
    assert second.version == first.version + 1
    assert pipeline.registry.at_alias("previous_champion").version == first.version
    assert pipeline.run("batch_inference_job", days).success
    kept = pipeline.table("predictions")
    kept = kept[kept.model_version == first.version].reset_index(drop=True)
    assert len(kept) == len(old)  # what the first version predicted stays


def test_a_violation_retrains_once_for_a_stated_reason(pipeline):
    strict = pipeline.target.monitoring_workflow.model_copy(update={"metric_violation_threshold": 1.0})
    definitions = build_definitions(pipeline.target.model_copy(update={"monitoring_workflow": strict}))
    tags = {"dagster/asset_partition_range_start": "2016-02-15", "dagster/asset_partition_range_end": "2016-02-29"}
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
    assert "root_mean_squared_error is above 1 in 5 of the last 5 days" in request.tags["retraining/reason"]
    assert request.tags["retraining/windows"].startswith("2016-02-29, 2016-02-28")
    again = tick(first.cursor)
    assert not again.run_requests
    assert "Already asked to retrain" in again.skip_message

    assert pipeline.run("monitoring_job", ("2016-02-15", "2016-02-29")).success
    assert "No violation" in tick(first.cursor).skip_message


def test_a_candidate_that_fails_a_rule_is_not_promoted(pipeline):
    before = pipeline.registry.at_alias("champion").version
    result = pipeline.run("model_training_job", fare_model={"num_boost_round": 1})
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert not result.success
    assert {"root_mean_squared_error_within_threshold", "candidate_beats_champion"} <= failed
    assert pipeline.registry.at_alias("champion").version == before
    assert pipeline.registry.at_alias("candidate").tags["validation_status"] == "failed"
    alone = pipeline.definitions.resolve_job_def("model_training_job").execute_in_process(
        instance=pipeline.instance, asset_selection=[dg.AssetKey("challenger")], raise_on_error=False
    )
    assert "its validation_status is 'failed'" in failure(
        alone
    )  # in a run of its own no check blocks: the version's tag does
    assert pipeline.registry.at_alias("champion").version == before


def test_a_dry_run_reports_and_never_promotes(pipeline):
    before = pipeline.registry.at_alias("champion").version
    result = pipeline.run("model_training_job", candidate_validation={"run_mode": "dry_run"})
    assert result.success
    assert pipeline.registry.at_alias("champion").version == before
    assert pipeline.registry.at_alias("candidate").tags["validation_status"] == "dry_run"


def test_the_fare_of_a_trip_is_not_in_the_features_that_it_looks_up(tmp_path, pipeline, real_path):
    """The leak of the ancestor: change one trip's fare, and what this trip is predicted from must stay."""
    trips = pd.read_parquet(real_path)
    victim = trips.index[(trips.tpep_pickup_datetime > "2016-02-16") & (trips.fare_amount > 0)][0]
    trips.loc[victim, "fare_amount"] += 500.0
    trips.astype({"tpep_pickup_datetime": "datetime64[us]", "tpep_dropoff_datetime": "datetime64[us]"}).to_parquet(
        tmp_path / "changed.parquet"
    )
    changed = Pipeline(tmp_path)
    path = str(tmp_path / "changed.parquet")
    assert changed.run("feature_engineering_job", DAYS, ingest_trips={"path": path}).success
    trip = trips.loc[victim]

    def looked_up(made: Pipeline) -> list[tuple]:
        features = made.table("trip_pickup_features")
        known = features[
            (features.zip == trip.pickup_zip) & (features.ts.dt.tz_localize(None) <= trip.tpep_pickup_datetime)
        ]
        return [tuple(row) for row in known.itertuples(index=False)]

    assert looked_up(changed) == looked_up(pipeline)
    everything = changed.table("trip_pickup_features")["mean_fare_window_1h_pickup_zip"].sum()
    assert everything > pipeline.table("trip_pickup_features")["mean_fare_window_1h_pickup_zip"].sum() + 400


def test_generated_trips_run_too_without_any_input(tmp_path, monkeypatch):
    monkeypatch.delenv("TRIPS_PATH", raising=False)
    made = Pipeline(tmp_path)
    assert made.run("feature_engineering_job", DAYS, ingest_trips={"rows": 2_000}).success
    assert len(made.table("trips")) + len(made.table("rejected_trips")) == 2_000


@pytest.mark.parametrize(
    ("job", "days", "sentence"),
    [
        ("model_training_job", None, "Table my_mlops_stacks.trips does not exist yet: materialize the asset 'trips'"),
        ("batch_inference_job", DAYS, "No version of fare_model holds the alias 'champion' yet"),
        ("monitoring_job", DAYS, "Table my_mlops_stacks.predictions does not exist yet"),
    ],
)
def test_what_was_never_built_is_named(tmp_path, job, days, sentence):
    assert sentence in failure(Pipeline(tmp_path).run(job, days))


def test_days_that_were_never_predicted_are_no_windows(pipeline):
    before = pipeline.table("inference_profile_metrics")
    assert pipeline.run("monitoring_job", ("2016-01-05", "2016-01-06")).success
    pd.testing.assert_frame_equal(pipeline.table("inference_profile_metrics"), before)


def test_a_missing_file_is_named(tmp_path):
    result = Pipeline(tmp_path).run("feature_engineering_job", DAYS, ingest_trips={"path": "/no/such/trips.parquet"})
    assert "no/such/trips.parquet" in failure(result)


def test_a_run_that_fails_ends_with_its_cause(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIPS_PATH", "/no/such/trips.parquet")
    made = Pipeline(tmp_path)
    with pytest.raises(RunFailedError, match="ingest_trips: FileNotFoundError: There are no trips at /no/such/trips"):
        run_pipeline(made.target, made.registry, made.instance)


def test_a_run_whose_check_fails_ends_with_what_the_check_says(tmp_path, monkeypatch, real_path):
    trips = pd.read_parquet(real_path).astype({"pickup_zip": "int32"})
    trips.loc[: len(trips) // 10, "fare_amount"] = -1.0
    trips.to_parquet(tmp_path / "trips.parquet", coerce_timestamps="us")
    monkeypatch.setenv("TRIPS_PATH", str(tmp_path / "trips.parquet"))
    made = Pipeline(tmp_path)
    with pytest.raises(RunFailedError, match=r"trips.few_trips_are_rejected: 10\d\d of 10000 trips were rejected"):
        run_pipeline(made.target, made.registry, made.instance)


def test_a_day_without_trips_is_an_empty_partition(tmp_path, real_path):
    trips = pd.read_parquet(real_path)
    trips = trips[~trips.tpep_pickup_datetime.dt.date.between(date(2016, 1, 22), date(2016, 1, 24))]
    trips = trips.astype({name: "datetime64[us]" for name in trips if name.startswith("tpep_")})
    trips.to_parquet(tmp_path / "trips.parquet")
    made = Pipeline(tmp_path)
    days = ("2016-01-21", "2016-01-25")
    assert made.run("feature_engineering_job", days, ingest_trips={"path": str(tmp_path / "trips.parquet")}).success
    counted = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in made.instance.fetch_materializations(dg.AssetKey("trip_dropoff_features"), limit=10).records
    }
    assert counted["2016-01-21"] > 0 and counted["2016-01-25"] > 0
    assert counted["2016-01-24"] == 0
