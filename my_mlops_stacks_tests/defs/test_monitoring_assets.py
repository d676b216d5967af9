"""The monitor tables go on without a version's training rows, and say so; not when MLflow is broken."""

from __future__ import annotations

import dagster as dg
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.model_version import TrainingRecord
from mlops_core.defs.monitoring import _baseline_of
from mlops_core.monitoring.bins import bins_of as bins_of_rows
from my_mlops_stacks.project import PROJECT


@pytest.fixture
def registry(tmp_path) -> ModelRegistry:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    return ModelRegistry("fare_model", "fares", uri, uri, "http://127.0.0.1:5000", tmp_path / "artifacts")


@pytest.fixture
def version(registry) -> int:
    """A version whose baseline has two trips."""
    rows = pd.DataFrame({"trip_distance": [1.0, 2.0]})
    with registry.run("training", {}) as run:
        registry.log(TrainingRecord({}, {}, {}, rows))
    registry.client.create_registered_model("fare_model")
    made = registry.client.create_model_version("fare_model", f"runs:/{run.info.run_id}", run.info.run_id)
    return int(made.version)


def bins_of(registry: ModelRegistry, version: int) -> list[str]:
    context = dg.build_asset_context(resources={"model_registry": registry})
    rows = _baseline_of(context, PROJECT, "fare_model", version)
    return [] if rows is None else [found.column for found in bins_of_rows(rows, PROJECT)]


def test_the_bins_are_of_the_columns_that_the_training_rows_have(registry, version):
    assert bins_of(registry, version) == ["trip_distance"]


def test_a_version_that_is_gone_from_the_registry_has_no_bins(registry, version):
    registry.client.delete_model_version("fare_model", str(version))
    assert bins_of(registry, version) == []


def test_a_version_whose_training_rows_were_deleted_has_no_bins(registry, version, tmp_path, capfd):
    (kept,) = (tmp_path / "artifacts").rglob("baseline.json")
    kept.unlink()
    assert bins_of(registry, version) == []
    assert "baseline.json, the training rows of fare_model version 1, was deleted" in capfd.readouterr().err


def test_an_mlflow_that_is_broken_is_an_error(registry, version, monkeypatch):
    def broken(uri: str) -> str:
        raise MlflowException("no", error_code=1)  # an internal error

    monkeypatch.setattr("mlflow.artifacts.load_text", broken)
    with pytest.raises(MlflowException):
        bins_of(registry, version)
