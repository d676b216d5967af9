"""A project made by the command alone passes what every project must: its run, its tests, lint."""

from __future__ import annotations

import re

import pytest
import yaml

from mlops_core_tests.flights import sample
from my_mlops_stacks_tests.new_projects import Clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds, on a machine that is busy

KINDS = {"regression": "RMSE", "binary": "Log loss", "multiclass": "Log loss"}
FLIGHTS = (
    "--rows flights.parquet --label-sql 'arr_delay > 15' --label late --event-time scheduled_departure "
    "--known-at landed_at --time-zone America/New_York --entity carrier --entity origin --yes"
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.at(tmp_path_factory.mktemp("clone"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_toy_problem_of_each_kind(clone: Clone, kind: str) -> None:
    name = f"toy_{kind}"
    clone.run(f'make new-project NAME={name} ARGS="--toy --kind {kind} --yes"')
    said = clone.run(f"make run PROJECT={name}")
    assert re.search(rf"Champion +\w+ version 1: {KINDS[kind]} [\d.]+", said)
    passed, checks = re.search(r"Checks +(\d+) of (\d+) passed", said).groups()
    assert passed == checks, said
    assert re.search(r"Features +help by [\d.]+.* in .* \(95%: [\d.]+ to [\d.]+\)", said)


def test_the_tests_of_each_pass(clone: Clone) -> None:
    clone.run(f".venv/bin/python -m pytest {' '.join(f'toy_{kind}_tests' for kind in KINDS)}")


@pytest.mark.skipif("real" not in sample.SAMPLES, reason="needs the real flights of 2013: set FLIGHTS_PATH")
def test_flights_by_the_command_alone(clone: Clone) -> None:
    sample.flights("real").drop(columns=["late", "day"]).to_parquet(clone.folder / "flights.parquet")
    clone.run(f'make new-project NAME=late_flights ARGS="{FLIGHTS}"')
    said = clone.run("make run PROJECT=late_flights")
    assert re.search(r"Champion +\w+ version 1: Log loss 0\.\d+", said)
    clone.run("make test PROJECT=late_flights")


def test_all_of_them_stand_side_by_side_and_pass_lint(clone: Clone) -> None:
    locations = yaml.safe_load((clone.folder / "workspace.yaml").read_text())["load_from"]
    assert len(locations) > len(KINDS)  # the example's is among them
    clone.run("make lint")
    clone.run(".venv/bin/python -m dagster definitions validate -w workspace.yaml", DAGSTER_HOME="")
