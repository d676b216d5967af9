"""An emulated workspace for the doctor, and no variable of this machine that would lead to another."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from databricks_emulator import Emulator
from mlops_core.adapters.doctor.compute import ENVIRONMENTS
from my_mlops_stacks_tests.doctor.staging import EXPERIMENT, FOREIGN, MODEL, SAME_VERSIONS, TRIPS, VOLUME


@pytest.fixture(autouse=True)
def _only_what_the_test_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    here = (f"{sys.version_info.major}.{sys.version_info.minor}", ".".join(version("pyspark").split(".")[:2]))
    monkeypatch.setitem(ENVIRONMENTS, SAME_VERSIONS, here)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The staging workspace, after the bundle was deployed by the identity that now asks."""
    with Emulator(tmp_path / "workspace") as emulated:
        emulated.unity_catalog.add_volume(VOLUME)
        emulated.unity_catalog.add_table(TRIPS, tmp_path)
        emulated.ml_artifacts.add_model(MODEL)
        emulated.ml_artifacts.add_experiment(EXPERIMENT)
        chosen = {"DATABRICKS_AUTH_TYPE": "pat", "BUNDLE_VAR_trips_table": TRIPS, "BUNDLE_VAR_experiment": EXPERIMENT}
        chosen["BUNDLE_VAR_alert_channel"] = "none"
        for name, value in {**emulated.environment(), **chosen}.items():
            monkeypatch.setenv(name, value)
        yield emulated
