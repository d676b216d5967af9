"""Two models in one graph: what each has of its own, and what they share once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import dagster as dg
import pytest

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.tables import tables_of
from my_mlops_stacks_tests.two_models.project import PROJECT

SHARED = {"raw_trips", "trips", "rejected_trips", "trip_pickup_features", "trip_dropoff_features"}
OF_EACH = {
    "model",
    "challenger",
    "champion",
    "predictions",
    "inference_profile_metrics",
    "inference_drift_metrics",
    "monitoring_report",
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return definitions_of(PROJECT, load_target(PROJECT, "local", environ={}))


@pytest.mark.parametrize("target", ["local", "dev"])
@pytest.mark.parametrize("prefix", ["", "taxi"])
def test_they_load(target: str, prefix: str) -> None:
    project = replace(PROJECT, prefix=prefix)
    dg.Definitions.validate_loadable(definitions_of(project, load_target(project, target, environ={})))


def test_what_each_model_has_is_called_by_it_and_the_rest_is_there_once(definitions: dg.Definitions) -> None:
    names = [key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()]
    own = {f"{scope}_{name}" for scope in ("fare", "duration") for name in OF_EACH}
    assert set(names) == SHARED | own
    assert max(Counter(names).values()) == 1


def test_no_model_is_made_of_what_another_has(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for scope, other in (("fare", "duration"), ("duration", "fare")):
        for name in OF_EACH:
            parents = {key.path[-1] for key in graph.get(dg.AssetKey(f"{scope}_{name}")).parent_keys}
            assert parents and not any(parent.startswith(f"{other}_") for parent in parents)


def test_each_is_trained_on_the_features_that_are_built_once_a_day(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    features = {dg.AssetKey(name) for name in ("trips", "trip_pickup_features", "trip_dropoff_features")}
    for scope in ("fare", "duration"):
        assert graph.get(dg.AssetKey(f"{scope}_model")).parent_keys == features
    building = [job.name for job in definitions.jobs or () if "feature_engineering" in job.name]
    scheduled = [each.name for each in definitions.schedules or () if "feature_engineering" in each.name]
    assert (building, scheduled) == (["feature_engineering_job"], ["feature_engineering_schedule"])


def test_a_job_of_a_model_makes_what_is_its_own(definitions: dg.Definitions) -> None:
    for scope in ("fare", "duration"):
        for job, made in {
            "model_training_job": {"model", "challenger", "champion"},
            "batch_inference_job": {"predictions"},
            "monitoring_job": {"inference_profile_metrics", "inference_drift_metrics", "monitoring_report"},
            "promote_job": {"champion"},
        }.items():
            keys = definitions.resolve_job_def(f"{scope}_{job}").asset_layer.selected_asset_keys
            assert {key.path[-1] for key in keys} == {f"{scope}_{name}" for name in made}


def test_each_starts_by_itself(definitions: dg.Definitions) -> None:
    sensors = {sensor.name for sensor in definitions.sensors or ()}
    schedules = {schedule.name for schedule in definitions.schedules or ()}
    for scope in ("fare", "duration"):
        assert {f"{scope}_retraining_sensor", f"{scope}_champion_sensor"} <= sensors
        assert {f"{scope}_{name}_schedule" for name in ("model_training", "batch_inference", "monitoring")} <= schedules


def test_the_checks_are_those_of_each_model(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    fare, duration = (
        {key.name for key in graph.get_check_keys_for_assets({dg.AssetKey(f"{scope}_model")})}
        for scope in ("fare", "duration")
    )
    assert "mean_absolute_error_within_threshold" in fare & duration
    assert fare - duration == {
        f"{name}_within_threshold" for name in ("absolute_bias", "r2_score", "root_mean_squared_error")
    }
    each = {key.name for key in graph.get_check_keys_for_assets({dg.AssetKey("duration_predictions")})}
    assert each == {"each_trip_is_predicted_once", "features_are_as_served"}


def test_the_tables_of_both_are_known() -> None:
    own = {"predictions", "inference_profile_metrics", "inference_drift_metrics"}
    assert set(tables_of(PROJECT)) == (SHARED - {"raw_trips"}) | {
        f"{scope}_{name}" for scope in ("fare", "duration") for name in own
    }
    lineage = tables_of(PROJECT)["duration_predictions"].lineage["trip_distance"]
    assert lineage == [(dg.AssetKey("trips"), "trip_distance")]


def test_each_registry_has_a_model_of_its_own(definitions: dg.Definitions) -> None:
    kinds = set(definitions.resources or {})
    assert {"fare_model_registry", "duration_model_registry", "fare_pages", "duration_pages"} <= kinds
    assert {"tables", "feature_store", "step_launcher", "table_io_manager"} <= kinds
    assert "fare_tables" not in kinds


def test_one_model_of_them_is_a_graph_of_its_own() -> None:
    duration = PROJECT.of("duration")
    made = definitions_of(duration, load_target(duration, "local", environ={}))
    names = {key.to_user_string() for key in made.resolve_asset_graph().get_all_asset_keys()}
    assert names == SHARED | {f"duration_{name}" for name in OF_EACH}
