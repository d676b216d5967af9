"""The leak check as it runs: features that know the future stop a model, and features that moved on are told apart."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from my_mlops_stacks.training import lookups
from my_mlops_stacks_tests.pipeline_runs import DAYS, Pipeline

CHECK = dg.AssetCheckKey(dg.AssetKey("fare_model"), "features_are_known_at_the_pickup")
FUTURE = "mean_fare_in_an_hour"
HOUR_MICROS = pa.scalar(3_600_000_000, pa.duration("us"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Pipeline:
    """Generated trips, their features, and a model with all the aliases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        made = Pipeline(tmp_path_factory.mktemp("leak"))
        assert made.run("feature_engineering_job", DAYS, ingest_trips={"rows": 4_000}).success
        assert made.run("model_training_job", fare_model={"num_boost_round": 40}).success
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

    result = trained.run("model_training_job", fare_model={"num_boost_round": 40})
    assert not result.success
    leak = verdict(result)
    assert (leak.passed, leak.blocking) == (False, True)
    assert "features know the future" in leak.description
    assert "moved" not in leak.description
    assert trained.registry.at_alias("candidate").version == first.version + 1
    assert trained.registry.at_alias("challenger").version == first.version
    assert trained.registry.at_alias("champion").version == first.version


def with_mean_fare_of_the_next_hour(made: Pipeline) -> None:
    """Give the feature table a column of the future: the mean fare of the window an hour later, zip by zip."""
    held = table(made, "trip_pickup_features")
    rows = held.to_pandas()
    later = rows[["zip", "ts", "mean_fare_window_1h_pickup_zip"]].assign(ts=rows["ts"] - pd.Timedelta(hours=1))
    future = rows.merge(later.rename(columns={"mean_fare_window_1h_pickup_zip": FUTURE}), on=["zip", "ts"], how="left")
    write_deltalake(held, pa.Table.from_pandas(future, preserve_index=False), mode="overwrite", schema_mode="overwrite")


def test_a_feature_that_nothing_recomputes_stops_the_model(trained, monkeypatch):
    with_mean_fare_of_the_next_hour(trained)
    pickup, dropoff = lookups.FEATURE_LOOKUPS
    more = replace(pickup, feature_names=[*pickup.features, FUTURE])
    monkeypatch.setattr(lookups, "FEATURE_LOOKUPS", (more, dropoff))
    monkeypatch.setattr(lookups, "LOOKED_UP", (*lookups.LOOKED_UP, FUTURE))
    champion = trained.registry.at_alias("champion").version

    result = trained.run("model_training_job", fare_model={"num_boost_round": 40})
    assert not result.success
    unproven = verdict(result)
    assert (unproven.passed, unproven.blocking) == (False, True)
    assert f"Nothing recomputes {FUTURE}," in unproven.description
    assert unproven.metadata["not_recomputed"].value == [FUTURE]
    assert trained.registry.at_alias("champion").version == champion


def test_a_renamed_feature_or_all_of_a_table_is_not_waved_through(trained, monkeypatch):
    pickup, dropoff = lookups.FEATURE_LOOKUPS
    renamed = replace(pickup, rename_outputs={"mean_fare_window_1h_pickup_zip": "price_level"})
    for changed, unproven in ((renamed, "price_level"), (replace(pickup, feature_names=None), FUTURE)):
        monkeypatch.setattr(lookups, "FEATURE_LOOKUPS", (changed, dropoff))
        found = check_alone(trained)
        assert not found.passed
        assert unproven in found.metadata["not_recomputed"].value
