"""`make smoke` on an emulated workspace: what it confirms, and what it finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from databricks_emulator import Emulator
from mlops_core.cli.smoke import SmokeError, main, smoke
from mlops_core.config import load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.rehearsal.rehearsal import opened


@pytest.mark.slow
def test_everything_that_a_step_needs_is_confirmed(tmp_path: Path) -> None:
    with opened(tmp_path) as rehearsal:
        said = list(smoke(PROJECT, rehearsal.target, rehearsal.instance))
        assert said[0] == "Signed in as pipeline@example.com"
        assert said[1] == f"Only this identity writes on {rehearsal.target.staging_volume}"
        assert "'trips_table_exists': False" in said[2]
        assert "fare_amount" in said[2]
        assert "'feature_store': 'FeatureEngineeringClient'" in said[2]
        assert said[3].startswith("A terminated run ended on Databricks after")
        assert said[4] == "Nothing is left on the staging volume"
        assert not rehearsal.workspace.active_runs


def test_a_workspace_that_refuses_a_call_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(tmp_path / "workspace") as emulator:
        for name, value in {**emulator.environment(), "MLOPS_TARGET": "staging"}.items():
            monkeypatch.setenv(name, value)
        emulator.fail("GET", "scim", 400, message="nobody", times=None)
        result = CliRunner().invoke(main, obj=PROJECT)
    [said] = result.output.splitlines()
    assert said.startswith(f"GET /api/2.0/preview/scim/v2/Me at {emulator.url} failed: ")
    assert result.exit_code == 1


def test_a_wrong_address_is_said_while_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there; a run waits for ten minutes, in case it is an outage."""
    monkeypatch.setattr("mlops_core.cli.smoke.SIGN_IN_S", 0.3)
    nowhere = {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "x", "MLOPS_TARGET": "dev"}
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, obj=PROJECT)
    assert result.output.splitlines()[-1].startswith("http://127.0.0.1:9 has not answered as it should for ")
    assert result.exit_code == 1


def test_a_target_without_databricks_is_refused() -> None:
    with pytest.raises(SmokeError, match="The target local runs no step on Databricks"):
        next(smoke(PROJECT, load_target(PROJECT, "local"), None))
