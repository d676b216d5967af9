"""Trips are predicted before their fares are known, waited for, and not trained on until then."""

from __future__ import annotations

import math
from datetime import date

import dagster as dg
import duckdb
import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake

from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks_tests.pipeline_runs import DAYS, Pipeline, failure

FIRST, LAST = map(date.fromisoformat, DAYS)
NEWEST = ("2016-02-28", "2016-02-29")
"""No fare of these days is known when the model is trained, and few of those of `LATE`."""
LATE = "2016-02-20"
HELD_OUT = ("2016-02-13", "2016-02-27")
"""The newest 15 days that have fares."""


@pytest.fixture(scope="module")
def delivered(tmp_path_factory) -> pd.DataFrame:
    """What the source knows in the end: generated trips without those that break a rule."""
    folder = tmp_path_factory.mktemp("generated")
    generate_trips(folder, rows=6_000, seed=3, first_day=FIRST, last_day=LAST)
    return duckdb.sql(f"""
        SELECT DISTINCT * FROM '{folder}/*.parquet'
        WHERE fare_amount > 0 AND trip_distance > 0 AND tpep_dropoff_datetime > tpep_pickup_datetime ORDER BY ALL
    """).df()


def before_the_fares(trips: pd.DataFrame) -> pd.DataFrame:
    """The same trips at noon of the last day: of the newest nobody knows more than where they go."""
    day = trips.tpep_pickup_datetime.dt.strftime("%Y-%m-%d")
    unknown = day.isin(NEWEST) | (day == LATE) & (trips.index % 2 == 0)
    return trips.assign(
        fare_amount=trips.fare_amount.mask(unknown, math.nan),
        tpep_dropoff_datetime=trips.tpep_dropoff_datetime.mask(unknown),
    )


@pytest.fixture(scope="module")
def waiting(tmp_path_factory, delivered) -> Pipeline:
    """The pipeline when the newest fares are not known yet."""
    made = Pipeline(tmp_path_factory.mktemp("waiting"), first_predicted_day=HELD_OUT[0])
    deliver(made, before_the_fares(delivered))
    assert made.run("model_training_job").success
    assert made.run("batch_inference_job", (HELD_OUT[0], DAYS[1])).success
    made.monitored = made.run("monitoring_job", (HELD_OUT[0], DAYS[1]))
    assert made.monitored.success
    return made


def deliver(made: Pipeline, trips: pd.DataFrame) -> None:
    path = made.target.state_path / "delivered.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    trips.astype({name: "datetime64[us]" for name in trips if name.startswith("tpep_")}).to_parquet(path)
    assert made.run("feature_engineering_job", DAYS, ingest_trips={"path": str(path)}).success


def in_days(trips: pd.DataFrame, first: str, last: str) -> pd.Series:
    return trips.tpep_pickup_datetime.dt.strftime("%Y-%m-%d").between(first, last)


def coverage(made: Pipeline) -> dict[str, float]:
    profile = made.table("inference_profile_metrics")
    whole = profile[profile["slice_key"].isna() & (profile["column_name"] == ":table")]
    return {str(day): share for day, share in zip(whole["day"], whole["label_coverage"], strict=True)}


def test_every_trip_is_accepted(waiting, delivered):
    trips = waiting.table("trips")
    assert len(trips) == len(delivered)
    assert trips["fare_amount"].isna().sum() == before_the_fares(delivered)["fare_amount"].isna().sum() > 100


def test_only_fares_that_were_known_before_the_cut_are_trained_on(waiting, delivered):
    champion = waiting.registry.at_alias("champion")
    cut = {tag: champion.tags[tag] for tag in ("trained_from", "held_out_from", "held_out_until")}
    assert cut == {"trained_from": DAYS[0], "held_out_from": HELD_OUT[0], "held_out_until": HELD_OUT[1]}
    known = before_the_fares(delivered)
    known = known[known.fare_amount.notna()]
    metrics = waiting.registry.run_metrics(champion)
    assert metrics["example_count"] == in_days(known, *HELD_OUT).sum()
    materialized = waiting.instance.get_latest_materialization_event(dg.AssetKey("fare_model"))
    rows = materialized.asset_materialization.metadata["training_rows"].value
    assert rows == ((known.tpep_pickup_datetime < HELD_OUT[0]) & (known.tpep_dropoff_datetime < HELD_OUT[0])).sum()


def test_features_are_of_trips_that_have_ended(waiting, delivered):
    known = before_the_fares(delivered)
    known = known[known.tpep_dropoff_datetime.notna()]
    windows = waiting.table("trip_dropoff_features")
    ended_by_the_last_window = known.tpep_dropoff_datetime < f"{LAST}"
    assert windows["count_trips_window_30m_dropoff_zip"].sum() == pytest.approx(ended_by_the_last_window.sum(), abs=5)
    assert windows["day"].max() <= date(2016, 2, 28)


def test_every_trip_is_predicted_once_whatever_is_known_of_it(waiting, delivered):
    predictions = waiting.table("predictions")
    assert len(predictions) == in_days(delivered, HELD_OUT[0], DAYS[1]).sum()
    assert predictions["prediction"].notna().all()


def test_days_without_fares_are_waited_for_and_a_late_one_is_named(waiting):
    found = coverage(waiting)
    assert [found[day] for day in NEWEST] == [0.0, 0.0]
    assert found["2016-02-27"] == 1.0
    late = {e.check_name: e for e in waiting.monitored.get_asset_check_evaluations()}["labels_arrive"]
    assert not late.passed
    assert list(late.metadata["late_days"].value) == [LATE]
    assert f"{LATE} {found[LATE]:.0%}" in late.description


def test_fares_that_arrive_meet_the_predictions_that_were_made_before(waiting, delivered):
    deliver(waiting, delivered)
    before = waiting.table("predictions")
    assert waiting.run("monitoring_job", (HELD_OUT[0], DAYS[1])).success
    assert set(coverage(waiting).values()) == {1.0}
    pd.testing.assert_frame_equal(waiting.table("predictions"), before)
    predictions = before  # noqa: F841 - DuckDB reads it
    truth = duckdb.sql("""
        SELECT sqrt(avg((prediction - fare_amount) ** 2)) FROM predictions JOIN delivered
        USING (tpep_pickup_datetime, pickup_zip, dropoff_zip, trip_distance) WHERE day = '2016-02-29'
    """).fetchall()[0][0]
    profile = waiting.table("inference_profile_metrics")
    row = profile[(profile["day"] == LAST) & profile["slice_key"].isna() & (profile["column_name"] == ":table")]
    assert row["root_mean_squared_error"].item() == pytest.approx(truth)


def test_a_doubled_table_of_predictions_does_not_pass(waiting):
    folder = waiting.target.state_path / "warehouse" / waiting.target.schema_name / "predictions"
    rows = DeltaTable(folder).to_pyarrow_table()
    write_deltalake(folder, rows.slice(0, 7), mode="append")
    assert judged(waiting).description.startswith("7 predictions are there more than once, 0 trips have none")
    DeltaTable(folder).restore(DeltaTable(folder).version() - 1)
    assert judged(waiting).passed
    DeltaTable(folder).delete("day = '2016-02-29' AND pickup_zip = 10001")
    missing = rows.to_pandas().query("day == @LAST and pickup_zip == 10001")
    assert judged(waiting).description.startswith(f"0 predictions are there more than once, {len(missing)} trips have")


def judged(made: Pipeline) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey("predictions"), "each_trip_is_predicted_once")
    job = dg.define_asset_job("judge", dg.AssetSelection.checks(key))
    definitions = dg.Definitions.merge(made.definitions, dg.Definitions(jobs=[job]))
    tags = {f"dagster/asset_partition_range_{end}": day for end, day in (("start", HELD_OUT[0]), ("end", DAYS[1]))}
    result = definitions.resolve_job_def("judge").execute_in_process(
        instance=made.instance, tags=tags, raise_on_error=False
    )
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_nothing_is_trained_before_the_first_fare_is_known(tmp_path, delivered):
    made = Pipeline(tmp_path)
    unknown = pd.Series(pd.NaT, delivered.index, "datetime64[us]")
    deliver(made, delivered.assign(fare_amount=math.nan, tpep_dropoff_datetime=unknown))
    assert "None of the accepted trips, 2016-01-01 to 2016-02-29, has its label yet" in failure(
        made.run("model_training_job")
    )
