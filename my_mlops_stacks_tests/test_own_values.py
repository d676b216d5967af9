"""A team's own values, where docs/mlops-setup.md says to write them: definitions load, and the tests still pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.repository import copy_files

STAGING = "https://adb-1111111111111111.1.azuredatabricks.net"
PROD = "https://adb-2222222222222222.2.azuredatabricks.net"
OF_ALL_TARGETS = {"trips_table": "lake.taxi.trips", "first_day": '"2024-03-01"', "last_day": '""', "owner": "team:taxi"}
OF_WORKFLOWS = {
    **{"cron_schedule": "30 5 * * 1-5", "holdout_days": 7},
    **{"hyperparameters": "{num_boost_round: 300, num_leaves: 63, learning_rate: 0.1}"},
    **{"metric_to_monitor": "mean_average_error", "metric_violation_threshold": 2.5},
    **{"num_evaluation_windows": 7, "num_violation_windows": 3, "minimum_count": 20, "cooldown_days": 5},
}
NAMES = ["local", "dev", "test", "staging", "prod"]


def write_own_values(package: Path) -> None:
    """Step 4 of the guide, and what ML engineers tune later."""
    bundle = package / "databricks.yml"
    text = bundle.read_text()
    for name in NAMES[1:]:
        host = PROD if name == "prod" else STAGING
        text = replaced(text, rf"(\n  {name}:\n(?:    .*\n)*?      host: ).*", host)
    for name in ("staging", "prod"):
        text = replaced(text, rf"(\n  {name}:\n(?:    .*\n)*?    variables:\n)", "      alert_channel: teams\n")
    for name, value in OF_ALL_TARGETS.items():
        text = replaced(text, rf"(\n  {name}:\n(?:    .*\n)*?    default: ).*", value)
    bundle.write_text(text)
    for file in package.glob("resources/*-workflow-resource.yml"):
        text = file.read_text()
        for name, value in OF_WORKFLOWS.items():
            text = re.sub(rf"^(      {name}: ).*", rf"\g<1>{value}", text, flags=re.MULTILINE)
        file.write_text(text)


def replaced(text: str, pattern: str, value: str) -> str:
    """`text` with `value` after the pattern's group, in the place of what else it matches."""
    changed, found = re.subn(pattern, lambda match: match[1] + value, text, count=1)
    assert found, pattern
    return changed


def test_the_definitions_of_every_target_load(tmp_path: Path) -> None:
    shutil.copytree(PROJECT.folder / "resources", tmp_path / "resources")
    shutil.copy(PROJECT.folder / "databricks.yml", tmp_path)
    write_own_values(tmp_path)
    targets = {name: load_target(PROJECT, name, environ={}, folder=tmp_path) for name in NAMES}
    for target in targets.values():
        assert (
            definitions_of(PROJECT, target).resolve_schedule_def("monitoring_schedule").cron_schedule == "30 5 * * 1-5"
        )
    assert [targets[name].workspace_host for name in NAMES] == [None, STAGING, STAGING, STAGING, PROD]
    assert [targets[name].alert_channel for name in NAMES] == ["none", "none", "none", "teams", "teams"]
    assert [targets[name].sources["trips"].table for name in NAMES] == [None, *["lake.taxi.trips"] * 4]
    assert targets["local"].last_day is not None  # its generated trips end there


@pytest.mark.slow
def test_the_tests_still_pass(tmp_path: Path) -> None:
    copy_files(tmp_path)
    write_own_values(tmp_path / "my_mlops_stacks")
    files = (
        "deploy/test_instance.py",
        "doctor",
        "test_bundle.py",
        "test_definitions.py",
        "bundle/test_refused_bundles.py",
        "bundle/test_refused_values.py",
        "bundle/test_target.py",
    )
    tests = [f"my_mlops_stacks_tests/{file}" for file in files]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
