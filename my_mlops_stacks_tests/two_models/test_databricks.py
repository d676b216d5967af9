"""Steps of both models on an emulated workspace: what each has of its own is found there by its name."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_core.cli.integration import materialize
from mlops_core.config import load_target
from mlops_core.project import Project
from my_mlops_stacks.project import PROJECT as ONE
from my_mlops_stacks_tests.rehearsal.rehearsal import HELD_OUT_DAYS, opened
from my_mlops_stacks_tests.two_models.project import PROJECT

PACKAGE = "two_taxi_models"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The project as a package by itself, as a team has one, that holds out as few days as the workspace has."""
    folder = Path(shutil.copytree(PROJECT.folder, tmp_path / "code" / PACKAGE))
    shared = 'load_target(PROJECT), packages=["my_mlops_stacks"])'
    for file in map(folder.joinpath, ("project.py", "definitions.py", "preload.py")):
        text = file.read_text().replace(PROJECT.package, PACKAGE)
        file.write_text(text.replace("load_target(PROJECT))", shared))
    shutil.copy(ONE.folder / "requirements.txt", folder)  # with what steps on a cluster need of the machinery
    bundle = folder / "databricks.yml"
    days = f"holdout_days: {HELD_OUT_DAYS}"
    bundle.write_text(bundle.read_text().replace("holdout_days: 15", days).replace("holdout_days: 10", days))
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("PYTHONPATH", str(folder.parent), prepend=":")
    yield importlib.import_module(f"{PACKAGE}.project").PROJECT
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds, on a machine that is busy
def test_features_and_both_models_are_made_on_databricks(tmp_path: Path, project: Project) -> None:
    with opened(tmp_path / "rehearsal") as rehearsal, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_TARGET", "dev")
        patch.setenv("BUNDLE_VAR_trips_times", "wall_clock_as_utc")
        features, fare, duration = materialize(project, load_target(project), rehearsal.instance)
        assert "trip_pickup_features (" in features and "trip_dropoff_features (" in features
        assert fare == "fare_model_training_job: fare_model, fare_challenger, fare_champion"
        assert duration == "duration_model_training_job: duration_model, duration_challenger, duration_champion"
        assert rehearsal.left_over() == []
