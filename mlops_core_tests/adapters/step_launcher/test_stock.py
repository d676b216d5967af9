"""dagster-databricks' own launcher from our settings, on a workspace that has a DBFS root."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import dagster as dg
import pytest

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core_tests.adapters.step_launcher.conftest import opened
from mlops_core_tests.adapters.step_launcher.workbench import HERE
from my_mlops_stacks.project import PROJECT


@pytest.mark.slow
def test_it_materializes_an_asset_on_a_cluster_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_STOCK", "1")
    with opened(tmp_path, dbfs_root=True, terminating=3.0) as bench:  # longer than the poll: it has to wait for results
        bench.configure(matched_packages=("dagster",), requirements=("tenacity",))
        code, said = _in_a_process_of_its_own(tmp_path, "numbers")
        assert code == 0, said
        assert len(bench.notes("numbers")) == 1
        assert bench.emulator.cluster_starts == 2  # the check of the asset is a step as well
        materialization = bench.instance.get_latest_materialization_event(dg.AssetKey("numbers"))
        assert materialization.asset_materialization.metadata["rows"].value == 3
        staged = next((tmp_path / "workspace").rglob("code.zip"))
        names = zipfile.ZipFile(staged).namelist()
        assert {name.split("/")[0] for name in names} == {"mlops_core", "sample_project"}
        assert not [name for name in names if "/." in name or "tests" in name]


def test_a_target_may_choose_it() -> None:
    variables = {"BUNDLE_VAR_step_launcher": "databricks_pyspark"}
    definitions = definitions_of(PROJECT, load_target(PROJECT, "dev", environ=variables))
    launcher = definitions.resources["step_launcher"]
    assert "dagster-databricks" in launcher.description


def _in_a_process_of_its_own(folder: Path, asset: str) -> tuple[int, str]:
    """The sample's definitions choose their launcher when they are loaded, and this process has loaded them."""
    command = [sys.executable, str(HERE / "workbench.py"), str(folder), "__ASSET_JOB", asset]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr[-3000:]
