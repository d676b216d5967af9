"""What the pipeline of pull requests does on the target test; two_models/test_databricks.py runs it on a workspace."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mlops_core.cli.integration import main
from mlops_core.config import load_target
from my_mlops_stacks.project import PROJECT


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
