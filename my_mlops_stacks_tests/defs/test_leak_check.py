"""The leak check as it runs: features that know the future stop a model, and features that moved on are told apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.defs.resources import build_resources
from mlops_core.features.tables import compute_features
from mlops_core.project import Column, ComputedTable
from mlops_core.training.split import day_range
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.pipeline_runs import DAYS, Pipeline

CHECK = dg.AssetCheckKey(dg.AssetKey("fare_model"), "features_are_known_in_time")
FUTURE = "mean_fare_in_an_hour"
HOUR_MICROS = pa.scalar(3_600_000_000, pa.duration("us"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Pipeline:
    """Generated trips, their features, and a model with all the aliases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        made = Pipeline(tmp_path_factory.mktemp("leak"))
        assert made.run("feature_engineering_job", DAYS, ingest_trips={"rows": 4_000}).success
        assert made.run("model_training_job", fare_model={"num_boost_round": 100}).success
    return made


def table(made: Pipeline, name: str) -> DeltaTable:
    return DeltaTable(made.target.state_path / "warehouse" / made.target.schema_name / name)


def move_back(made: Pipeline, name: str) -> None:
    """Give each feature row the time of an hour before: it then tells of trips that have not ended."""
    held = table(made, name)
    rows = held.to_pyarrow_table()
    earlier = pc.subtract(rows["ts"], HOUR_MICROS)
    write_deltalake(held, rows.set_column(rows.column_names.index("ts"), "ts", earlier), mode="overwrite")


def verdict(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = (each for each in result.get_asset_check_evaluations() if each.asset_check_key == CHECK)
    return found


def check_alone(made: Pipeline) -> dg.AssetCheckEvaluation:
    job = dg.define_asset_job("check_alone", selection=dg.AssetSelection.checks(CHECK))
    definitions = dg.Definitions.merge(made.definitions, dg.Definitions(jobs=[job]))
    alone = definitions.resolve_job_def("check_alone")
    return verdict(alone.execute_in_process(instance=made.instance, raise_on_error=False))


def test_features_that_know_the_future_stop_the_model(trained):
    first = trained.registry.at_alias("challenger")
    built = {name: table(trained, name).version() for name in ("trip_pickup_features", "trip_dropoff_features")}
    assert {name: int(first.tags[f"{name}_version"]) for name in built} == built
    assert check_alone(trained).passed

    move_back(trained, "trip_pickup_features")
    moved = check_alone(trained)
    assert not moved.passed
    old, new = built["trip_pickup_features"], table(trained, "trip_pickup_features").version()
    assert f"trip_pickup_features from version {old} to {new} moved since the training" in moved.description
    assert "trip_dropoff_features" not in moved.description

    result = trained.run("model_training_job", fare_model={"num_boost_round": 100})
    assert not result.success
    leak = verdict(result)
    assert (leak.passed, leak.blocking) == (False, True)
    assert "features know the future" in leak.description
    assert "moved" not in leak.description
    assert trained.registry.at_alias("candidate").version == first.version + 1
    assert trained.registry.at_alias("challenger").version == first.version
    assert trained.registry.at_alias("champion").version == first.version


def next_hours_fare(trips: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """A feature of the future: the mean fare of the hour that begins at `ts`."""
    hours = trips.where("fare_amount IS NOT NULL").selectExpr(
        "pickup_zip AS zip", "date_trunc('HOUR', tpep_dropoff_datetime) AS ts", "fare_amount"
    )
    return hours.groupBy("zip", "ts").agg(F.avg("fare_amount").alias(FUTURE))


LEAKING = ComputedTable(
    "trip_future_features",
    meaning="What nobody can know",
    events=TRIPS,
    entity={"zip": "pickup_zip"},
    columns_made=(Column(FUTURE, "float", "Mean fare of the hour that begins"),),
    compute=next_hours_fare,
    look_back=timedelta(days=1),
)


def test_a_feature_that_nobody_told_the_check_of_stops_the_model(trained):
    with dg.build_resources(build_resources(PROJECT, trained.target)) as resources:
        trips = resources.tables.read("trips")
        rows = compute_features(LEAKING, trips, *day_range(trips))
        resources.feature_store.create_table(
            name=LEAKING.name,
            primary_keys=list(LEAKING.primary_keys),
            timeseries_column="ts",
            partition_columns=["day"],
            df=rows.limit(0),
        )
        resources.tables.replace(LEAKING.name, rows, None, ("day",))
    trained.define(replace(PROJECT, feature_tables=(*PROJECT.feature_tables, LEAKING)))
    champion = trained.registry.at_alias("champion").version

    result = trained.run("model_training_job", fare_model={"num_boost_round": 100})
    trained.define()
    assert not result.success
    leak = verdict(result)
    assert (leak.passed, leak.blocking) == (False, True)
    assert "features know the future" in leak.description
    assert f"expected_{FUTURE}" in leak.metadata["examples"].value
    assert trained.registry.at_alias("champion").version == champion


def test_a_feature_under_another_name_is_compared_too(trained):
    pickup, *others = PROJECT.lookups
    renamed = replace(pickup, rename_outputs={"mean_fare_window_1h_pickup_zip": "price_level"})
    trained.define(replace(PROJECT, models=(replace(PROJECT.model, lookups=(renamed, *others)),)))
    move_back(trained, "trip_pickup_features")
    found = check_alone(trained)
    trained.define()
    assert not found.passed
    assert "expected_price_level" in found.metadata["examples"].value
