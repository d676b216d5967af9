"""`make smoke` on an emulated workspace: what it confirms, and what it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_core.cli.smoke import SmokeError, smoke
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


def test_a_target_without_databricks_is_refused() -> None:
    with pytest.raises(SmokeError, match="The target local runs no step on Databricks"):
        next(smoke(PROJECT, load_target(PROJECT, "local"), None))
