"""Trips that are delivered late rewrite features that have served: the check tells, and training takes what it is told.

What is looked up today is made by pandas of the feature tables; what served stands in `predictions`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from mlops_core.defs import candidate_validation
from mlops_core.defs.held_out import HeldOut, score_held_out
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks_tests.pipeline_runs import HELD_OUT, Pipeline
from my_mlops_stacks_tests.samples import TIMES, valid

DAYS = ("2016-01-25", "2016-02-29")
LATE = ("2016-02-20", "2016-02-24")
"""On these days every third trip is delivered when all are predicted."""
TRIP = ["tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance"]
TABLES = {
    "trip_pickup_features": ("pickup_zip", "15min"),
    "trip_price_features": ("pickup_zip", "2h"),
    "trip_dropoff_features": ("dropoff_zip", "30min"),
}
CHECK = dg.AssetCheckKey(dg.AssetKey("predictions"), "features_are_as_served")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Trained and predicted before the late trips came, then monitored before and after."""
    folder = tmp_path_factory.mktemp("late")
    first, last = map(date.fromisoformat, DAYS)
    generate_trips(folder / "days", rows=2_500, seed=5, first_day=first, last_day=last)
    trips = valid(pd.read_parquet(folder / "days")).drop_duplicates(TRIP, ignore_index=True)
    late = trips.tpep_pickup_datetime.dt.strftime("%Y-%m-%d").between(*LATE) & (trips.index % 3 == 0)
    made = Pipeline(folder, first_day=DAYS[0])
    deliver(made, trips[~late])
    train(made, holdout_days=15)
    made.registry.move_alias("champion", made.registry.at_alias("candidate"))
    predicted = made.run("batch_inference_job", HELD_OUT)
    assert CHECK not in {each.asset_check_key for each in predicted.get_asset_check_evaluations()}
    made.before = checked(alone(made, dg.AssetSelection.checks(CHECK)))
    deliver(made, trips)
    made.after = checked(made.run("monitoring_job", (DAYS[1], DAYS[1])))
    return made


def deliver(made: Pipeline, trips: pd.DataFrame) -> None:
    path = made.target.state_path / "delivered.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    trips.astype(dict.fromkeys(TIMES, "datetime64[us]")).to_parquet(path)
    assert made.run("feature_engineering_job", DAYS, ingest_trips={"path": str(path)}).success


def alone(made: Pipeline, chosen: dg.AssetSelection, **config: object) -> dg.ExecuteInProcessResult:
    """A run of nothing else."""
    job = dg.define_asset_job("alone", chosen)
    definitions = dg.Definitions.merge(made.definitions, dg.Definitions(jobs=[job]))
    ops = {"ops": {op: {"config": values} for op, values in config.items()}}
    return definitions.resolve_job_def("alone").execute_in_process(instance=made.instance, run_config=ops)


def checked(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    assert result.success
    (found,) = (each for each in result.get_asset_check_evaluations() if each.asset_check_key == CHECK)
    return found


def train(made: Pipeline, holdout_days: int) -> None:
    """A candidate, and the check for leaks; nobody judges it."""
    leaks = dg.AssetCheckKey(dg.AssetKey("fare_model"), "features_are_known_in_time")
    chosen = dg.AssetSelection.assets("fare_model").without_checks() | dg.AssetSelection.checks(leaks)
    alone(made, chosen, fare_model={"holdout_days": holdout_days, "num_boost_round": 20})


def today(made: Pipeline, trips: pd.DataFrame) -> pd.DataFrame:
    """The trips with the features that pandas looks up for them in the tables as they are."""
    found = trips[TRIP].sort_values("tpep_pickup_datetime")
    for table, (key, age) in TABLES.items():
        rows = made.table(table).drop(columns="day").rename(columns={"zip": key}).sort_values("ts")
        tolerance = pd.Timedelta(age) - pd.Timedelta("1us")
        by = {"left_on": "tpep_pickup_datetime", "right_on": "ts", "by": key, "tolerance": tolerance}
        found = pd.merge_asof(found, rows, **by).drop(columns="ts")
    counts = [name for name in found if name.startswith("count_")]
    return found.fillna(dict.fromkeys(counts, 0))


def predictions_of(made: Pipeline) -> pd.DataFrame:
    """Those of the table, with distances as a baseline's JSON has them."""
    return made.table("predictions").assign(trip_distance=lambda rows: rows.trip_distance.round(6))


def differs(served: pd.DataFrame, looked_up: pd.DataFrame) -> pd.DataFrame:
    """Of each trip of both and each feature, whether it differs."""
    features = [name for name in looked_up if name not in TRIP]
    both = served.merge(looked_up, on=TRIP, suffixes=("", "_today"), validate="1:1")
    same = {n: np.isclose(both[n], both[f"{n}_today"], rtol=1e-5, atol=1e-12, equal_nan=True) for n in features}
    return ~pd.DataFrame(same)


def test_before_the_late_trips_come_features_are_as_they_served(made: Pipeline) -> None:
    assert made.before.passed, made.before.description
    assert made.before.metadata["compared"].value == len(made.table("predictions"))
    assert made.before.metadata["not_compared"].value == "nothing"


def test_afterwards_the_check_counts_what_pandas_counts_and_names_the_days(made: Pipeline) -> None:
    predictions = made.table("predictions")
    found = differs(predictions, today(made, predictions))
    assert 0.05 < found.any(axis=1).mean() < 0.5
    assert not made.after.passed and made.after.severity == dg.AssetCheckSeverity.WARN
    assert made.after.metadata["share_with_other_features"].value == pytest.approx(found.any(axis=1).mean())
    shown = made.after.metadata["features"].value.splitlines()[2:]
    shares = {row.split("|")[1].strip().replace("\\", ""): float(row.split("|")[2]) for row in shown}
    assert shares == pytest.approx(found.mean().to_dict(), rel=1e-3)
    assert LATE[0][:8] in made.after.description and "version 1" in made.after.description
    assert made.after.metadata["versions"].value == "fare_model/1"


@pytest.mark.parametrize("as_served", [False, True])
def test_training_takes_what_served_only_where_it_is_told_to(made: Pipeline, as_served: bool) -> None:
    workflow = made.target.model_workflow.model_copy(update={"features_as_served": as_served})
    made.target = made.target.model_copy(update={"model_workflow": workflow})
    made.define()
    train(made, holdout_days=5)
    version = made.registry.at_alias("candidate")
    baseline = made.registry.baseline(version)
    times = pd.to_datetime(baseline.tpep_pickup_datetime, utc=True).astype("datetime64[us, UTC]")
    zips = dict.fromkeys(("pickup_zip", "dropoff_zip"), "int32")
    rows = baseline.assign(tpep_pickup_datetime=times, trip_distance=baseline.trip_distance.round(6)).astype(zips)
    predictions, looked_up = predictions_of(made), today(made, rows)
    served = rows.merge(predictions[TRIP], on=TRIP)
    others = rows.merge(predictions[TRIP], on=TRIP, how="left", indicator=True).query("_merge == 'left_only'")
    assert len(served) > 400 and len(others) > 1_000

    features = [name for name in looked_up if name not in TRIP]
    unlike_served = differs(served, predictions[[*TRIP, *features]]).any(axis=1).sum()
    unlike_today = differs(served, looked_up).any(axis=1).sum()
    assert (unlike_served == 0, unlike_today == 0) == (as_served, not as_served)
    assert not differs(others, looked_up).any(axis=None)  # also the late trips of these days, which nobody predicted

    metrics = made.registry.run_metrics(version)
    assert metrics["predicted_before_share"] == pytest.approx(len(served) / len(rows))
    truth = differs(predictions.merge(served[TRIP], on=TRIP), looked_up).any(axis=1).mean()
    assert metrics["other_features_share"] == pytest.approx(truth) and truth > 0.1
    assert version.record.served_share == (pytest.approx(len(served) / len(rows)) if as_served else None)
    assert version.record.leak_check == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("as_served", [False, True])
def test_validation_scores_predicted_trips_by_what_served_only_where_training_takes_it(
    made: Pipeline, as_served: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The champion's answers are those that stand in `predictions`, unless a late trip has changed the features."""
    workflow = made.target.model_workflow.model_copy(update={"features_as_served": as_served})
    made.target = made.target.model_copy(update={"model_workflow": workflow})
    made.define()
    seen: list[HeldOut] = []

    def scored(*asked: Any) -> HeldOut:
        seen.append(score_held_out(*asked))
        return seen[-1]

    monkeypatch.setattr(candidate_validation, "score_held_out", scored)
    late_days_held_out = {"holdout_days": 12, "num_boost_round": 20}
    alone(made, dg.AssetSelection.assets("fare_model"), fare_model=late_days_held_out)
    ((found,), event) = (seen, ["tpep_pickup_datetime", "fare_amount"])
    trips = made.table("trips").assign(trip_distance=lambda rows: rows.trip_distance.round(6))
    predicted = trips[[*TRIP, "fare_amount"]].merge(predictions_of(made)[[*TRIP, "prediction"]], on=TRIP)
    times = pd.to_datetime(found.rows.tpep_pickup_datetime, utc=True).astype("datetime64[us, UTC]")
    rows = found.rows.assign(tpep_pickup_datetime=times)
    both = rows.merge(predicted.drop_duplicates(event, keep=False), on=event, validate="m:1")
    assert 500 < len(both) < len(found.rows), "the late trips were not predicted"
    same = np.isclose(both.champion, both.prediction, rtol=1e-6)
    assert same.all() if as_served else 0.01 < (~same).mean() < 0.5
    assert ("predictions" in found.tables) == as_served


def test_predictions_of_a_deleted_version_are_not_passed(made: Pipeline) -> None:
    count = len(made.table("predictions"))
    made.registry.client.delete_model_version(made.registry.model, "1")
    found = checked(alone(made, dg.AssetSelection.checks(CHECK)))
    assert not found.passed
    assert (
        f"The {count} predictions by version 1 of fare_model are not compared: fare_model has no" in found.description
    )
    assert found.metadata["compared"].value == 0
