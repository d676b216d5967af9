"""The doctor on this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_core.cli.doctor import examine
from mlops_core.config import load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.doctor.staging import run_doctor


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a laptop after `make setup`."""
    monkeypatch.setenv("BUNDLE_VAR_state_folder", str(tmp_path / "state"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "state" / "dagster"))
    (tmp_path / "state" / "mlflow").mkdir(parents=True)
    with sqlite3.connect(tmp_path / "state" / "mlflow" / "mlflow.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('0123abcd')")
    return tmp_path / "state"


def test_a_laptop_is_ready(laptop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_VAR_start", "arrival")
    before = sorted(laptop.rglob("*"))
    result = run_doctor("--target", "local", "--write-test")
    assert result.exit_code == 0, result.output
    assert "ok      sail: Sail started and counted to 10" in result.output
    assert "revision 0123abcd" in result.output
    assert "ok      arrival: The source of trips is at version trips-v" in result.output
    assert sorted(laptop.rglob("*")) == before


@pytest.mark.parametrize(
    ("spoil", "said", "fix"),
    [
        (lambda file: file.unlink(), "does not exist", "make setup"),
        (
            lambda file: file.write_text("not a database" * 100),
            "is not MLflow's database",
            "remove it, then make setup",
        ),
    ],
)
def test_a_laptop_without_mlflows_tables_is_told_the_command(
    laptop: Path, spoil: Callable[[Path], object], said: str, fix: str
) -> None:
    spoil(laptop / "mlflow" / "mlflow.db")
    [finding] = [one for check, one in examine(PROJECT, load_target(PROJECT, "local")) if check == "mlflow"]
    assert (finding.state, finding.fix) == ("failed", fix)
    assert said in finding.said


def test_a_state_folder_that_is_a_file_is_said(laptop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "dagster"))
    [finding] = [one for check, one in examine(PROJECT, load_target(PROJECT, "local")) if check == "run history"]
    assert finding.said == f"{tmp_path / 'file'} can't be written"
