"""The page that leads from a table to a champion, run as it stands on a copy of the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable
from sklearn import metrics

from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import copy_files

pytestmark = pytest.mark.slow

FILE = re.compile(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUMMARY = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the copy, and what the page's last commands said."""
    folder = tmp_path_factory.mktemp("copy")
    copy_files(folder)
    page = (ROOT / "docs/your-own-problem.md").read_text()
    for name, text in FILE.findall(page):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    commands = [line[2:] for line in COMMANDS.findall(page)[-1].splitlines() if line.startswith("$ ")]
    assert commands[0] == "source .venv/bin/activate"
    environ = os.environ | {"PYTHONPATH": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environ.pop("TRIPS_PATH", None)
    said = ""
    for command in commands[1:]:
        call = ["bash", "-euo", "pipefail", "-c", command]
        done = subprocess.run(call, cwd=folder, env=environ, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout
    return folder, said


def test_it_ends_with_a_champion_and_checks_that_pass(made: tuple[Path, str]) -> None:
    said = made[1]
    assert re.search(r"Champion +late_model version 1: Log loss 0\.\d+", said)
    passed, checks = re.search(r"Checks +(\d+) of (\d+) passed", said).groups()
    assert passed == checks


def test_its_summary_stands_on_the_page(made: tuple[Path, str]) -> None:
    *_, shown = SUMMARY.findall((ROOT / "docs/your-own-problem.md").read_text())
    took, *rest = shown.splitlines()
    assert took.startswith("The pipeline ran in")
    assert made[1].strip().splitlines()[-len(rest) :] == rest


def test_its_predictions_are_better_than_the_base_rate(made: tuple[Path, str]) -> None:
    folder, _ = made
    (table,) = (folder / ".local" / "warehouse").glob("*/predictions")
    predicted = DeltaTable(table).to_pandas()
    rows = predicted.merge(pd.read_parquet(folder / "parcels.parquet")[["parcel_id", "late"]], on="parcel_id")
    assert len(rows) == len(predicted) > 3_000
    base = [rows.late.mean()] * len(rows)
    assert metrics.log_loss(rows.late, rows.prediction) < metrics.log_loss(rows.late, base) - 0.05


def test_both_projects_stand_in_one_workspace(made: tuple[Path, str]) -> None:
    folder, _ = made
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    environ = os.environ | {"PYTHONPATH": str(folder), "DAGSTER_HOME": ""}
    done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
