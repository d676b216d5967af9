"""What the pipeline of pull requests does on the target test: on an emulated workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mlops_core.cli.integration import main, materialize
from mlops_core.config import load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.rehearsal.rehearsal import HELD_OUT_DAYS, opened

HOLD_OUT = {"ops": {"fare_model": {"config": {"holdout_days": HELD_OUT_DAYS}}}}


@pytest.mark.slow
def test_features_and_a_model_are_made_on_databricks(tmp_path: Path) -> None:
    with opened(tmp_path) as rehearsal:
        features, training = materialize(PROJECT, rehearsal.target, rehearsal.instance, HOLD_OUT)
        assert "trip_pickup_features (" in features
        assert "trip_dropoff_features (" in features
        assert "fare_model" in training
        assert rehearsal.left_over() == []


@pytest.mark.parametrize("name", ["local", "staging", "prod"])
def test_tables_that_people_use_are_not_replaced(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MLOPS_TARGET", name)
    done = CliRunner().invoke(main, obj=PROJECT)
    assert done.exit_code == 1
    assert f"MLOPS_TARGET is {name}" in done.output


def test_names_of_a_run_reach_the_tables_and_the_experiment() -> None:
    names = {"BUNDLE_VAR_schema": "my_mlops_stacks_ci_7", "BUNDLE_VAR_experiment": "/Shared/my_mlops_stacks-ci-7"}
    target = load_target(PROJECT, "test", environ=names)
    assert target.registered_model == "test.my_mlops_stacks_ci_7.fare_model"
    assert target.experiment == "/Shared/my_mlops_stacks-ci-7"
