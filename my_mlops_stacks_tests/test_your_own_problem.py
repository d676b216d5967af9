"""The page that leads from a table to a champion, run as it stands on a clone of the repository."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from deltalake import DeltaTable
from sklearn import metrics

from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.new_projects import Clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds, on a machine that is busy

PAGE = (ROOT / "docs/your-own-problem.md").read_text()
FILE = re.compile(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, dict[str, str]]:
    """The clone, and command -> what it said."""
    clone = Clone.at(tmp_path_factory.mktemp("clone"))
    for name, text in FILE.findall(PAGE):
        (clone.folder / name).parent.mkdir(exist_ok=True)
        (clone.folder / name).write_text(text)
    commands = [line[2:] for line in COMMANDS.findall(PAGE)[0].splitlines() if line.startswith("$ ")]
    return clone, {command: clone.run(command) for command in commands}


def test_what_the_commands_say_stands_on_the_page(made: tuple[Clone, dict[str, str]]) -> None:
    *_, new, run, _ = made[1].values()
    proposals, summary, *_ = SAID.findall(PAGE)
    assert proposals.strip() in new
    took, *rest = summary.splitlines()
    assert took.startswith("The pipeline ran in")
    assert run.strip().splitlines()[-len(rest) :] == rest


def test_its_predictions_are_better_than_the_base_rate(made: tuple[Clone, dict[str, str]]) -> None:
    folder = made[0].folder
    predicted = DeltaTable(folder / ".local" / "warehouse" / "parcels" / "predictions").to_pandas()
    rows = predicted.merge(pd.read_parquet(folder / "data" / "parcels.parquet")[["parcel_id", "late"]], on="parcel_id")
    assert len(rows) == len(predicted) > 3_000
    base = [rows.late.mean()] * len(rows)
    assert metrics.log_loss(rows.late, rows.prediction) < metrics.log_loss(rows.late, base) - 0.05


def test_both_projects_stand_in_one_workspace(made: tuple[Clone, dict[str, str]]) -> None:
    made[0].run(".venv/bin/python -m dagster definitions validate -w workspace.yaml", DAGSTER_HOME="")


def test_a_later_template_comes_to_the_project(made: tuple[Clone, dict[str, str]]) -> None:
    clone = made[0]
    clone.run("git add --all && git commit --quiet --message Parcels")
    template = clone.folder / "template" / "[[ project ]]" / "__init__.py.jinja"
    template.write_text(template.read_text() + "# of a later template\n")
    clone.run("git add --all && git commit --quiet --message Later && make update-project PROJECT=parcels")
    assert "later template" in (clone.folder / "parcels" / "__init__.py").read_text()
