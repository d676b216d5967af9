"""The project runs and is tested in a folder of any name: a copy, with blank, quote, brackets, hash and percent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from my_mlops_stacks_tests.conftest import ROOT

LEFT_BEHIND = (".git", ".venv*", ".local", "reports", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
OURS = ("my_mlops_stacks", "PYTHONPATH", "DAGSTER_HOME", "MLOPS_TARGET", "BUNDLE_VAR", "TRIPS_PATH", "MLFLOW")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that uses the environment of these tests, by a link, as `make setup` makes one in such a folder."""
    folder = tmp_path_factory.mktemp("any") / "My Projects" / "Jané's [app] #1 50%"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_BEHIND), symlinks=True)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def made(project: Path, *targets: str, **variables: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | variables
    call = ["make", "--assume-old", ".venv/.ready", *targets]
    done = subprocess.run(call, cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_run(project: Path) -> None:
    out = made(project, "run", BUNDLE_VAR_last_day="2016-01-31")
    assert "The pipeline ran in" in out
    warehouse = project / ".local" / "warehouse" / "my_mlops_stacks"
    trips = pd.concat(map(pd.read_parquet, warehouse.glob("trips/day=*/*.parquet")))
    rejected = pd.concat(map(pd.read_parquet, warehouse.glob("rejected_trips/**/*.parquet")))
    assert len(trips) + len(rejected) == 10_000
    assert (project / ".local" / "mlflow" / "mlflow.db").exists()
    assert (project / ".local" / "dagster" / "dagster.yaml").exists()
    assert [entry.name for entry in project.parent.iterdir()] == [project.name]
    assert [entry.name for entry in project.parent.parent.iterdir()] == [project.parent.name]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_the_doctor_and_the_tests_of_tables(project: Path) -> None:
    assert "All tables are whole" in made(project, "doctor")
    call = [sys.executable, "-m", "pytest", "-q", "mlops_core_tests/adapters/test_tables.py"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    done = subprocess.run(call, cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
