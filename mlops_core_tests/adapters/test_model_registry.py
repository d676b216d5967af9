"""Runs, versions and aliases on a real MLflow store on SQLite."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.model_version import TrainingRecord
from mlops_core.adapters.registry_errors import ModelNotFoundError


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> ModelRegistry:
    folder: Path = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return ModelRegistry("fare_model", "fares", uri, uri, "http://127.0.0.1:5000", folder / "artifacts")


def register(registry: ModelRegistry) -> int:
    record = TrainingRecord(
        parameters={"num_leaves": 8},
        metrics={"root_mean_squared_error": 2.5},
        figures={"residuals": b"a picture"},
        baseline=pd.DataFrame({"trip_distance": [1.5, None], "pickup_zip": [10001, 10002]}),
    )
    with registry.run("a training", {"dagster_run_id": "r1"}) as run:
        registry.log(record)
    if not registry.client.search_registered_models():
        registry.client.create_registered_model("fare_model")
    made = registry.client.create_model_version("fare_model", f"runs:/{run.info.run_id}/model", run.info.run_id)
    return int(made.version)


def test_a_training_leaves_parameters_metrics_plots_and_its_baseline(registry):
    version = registry.get(register(registry))
    run = registry.client.get_run(version.run_id)
    assert run.data.params == {"num_leaves": "8"}
    assert registry.run_metrics(version) == {"root_mean_squared_error": 2.5}
    assert run.data.tags["dagster_run_id"] == "r1"
    assert {file.path for file in registry.client.list_artifacts(version.run_id)} == {"baseline.json", "residuals.png"}
    expected = pd.DataFrame({"trip_distance": [1.5, None], "pickup_zip": [10001, 10002]})
    pd.testing.assert_frame_equal(registry.baseline(version), expected)


def test_an_alias_moves_and_stays(registry):
    first, second = registry.get(register(registry)), registry.get(register(registry))
    assert registry.find_alias("challenger") is None
    registry.move_alias("challenger", first)
    registry.move_alias("challenger", second)
    registry.move_alias("challenger", second)
    assert registry.at_alias("challenger").version == second.version


def test_tags_are_read_back_with_the_version(registry):
    version = registry.get(register(registry))
    registry.tag(version, {"validation_status": "failed"})
    registry.tag(version, {"validation_status": "passed"})
    assert registry.get(version.version).tags["validation_status"] == "passed"


def test_what_the_registry_lacks_is_named(registry):
    register(registry)
    with pytest.raises(ModelNotFoundError, match="No version of fare_model holds the alias 'nobody' yet"):
        registry.at_alias("nobody")
    with pytest.raises(ModelNotFoundError, match="fare_model has no version 999"):
        registry.get(999)


def test_a_failed_training_is_marked_in_mlflow(registry):
    with pytest.raises(ZeroDivisionError), registry.run("fails", {}) as run:
        raise ZeroDivisionError
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"


def test_links_lead_to_the_run_and_the_version(registry):
    version = registry.get(register(registry))
    assert registry.run_url(version).endswith(f"/runs/{version.run_id}")
    assert registry.version_url(version) == f"http://127.0.0.1:5000/#/models/fare_model/versions/{version.version}"
