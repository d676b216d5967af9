"""Each notebook on a pipeline that has run: what a reader sees, and that production is as it was."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from mlops_core.adapters.registry_errors import ModelNotFoundError
from mlops_core.cli.run import run_pipeline
from mlops_core.cli.session import Session, open_session
from mlops_core.defs.resources import REQUIREMENTS_FILES
from mlops_core.defs.tables import tables_of
from mlops_core.project.of_a_model import SCOPED
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import files_under

NOTEBOOKS = {path.stem: path for path in files_under("my_mlops_stacks", ".py") if path.parent.name == "notebooks"}


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Iterator[Session]:
    """A session of a pipeline that has run on a few weeks of generated trips; the notebooks open the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        patch.delenv("MLOPS_TARGET", raising=False)
        patch.setenv("BUNDLE_VAR_state_folder", str(tmp_path_factory.mktemp("notebooks")))
        patch.setenv("BUNDLE_VAR_first_day", "2016-02-08")
        opened = open_session(PROJECT)
        run_pipeline(PROJECT, opened.target, opened.model_registry, dg.DagsterInstance.ephemeral())
        yield opened


def production(session: Session) -> dict[str, object]:
    """The newest Delta version of each table, and each alias with its version and that one's tags."""
    aliases = ("candidate", "challenger", "champion", "previous_champion")
    held = {alias: session.model_registry.find_alias(alias) for alias in aliases}
    return held | {name: session.tables.version(name) for name in tables_of(PROJECT)}


@pytest.mark.parametrize(
    ("notebook", "shown"),
    [
        ("FeatureEngineering", ["mean_fare_window_1h_pickup_zip", "rows, 0 differ", "'duplicate_keys': 0"]),
        ("Training", ["Training rows before 2016-0", "without looked-up features", "Feature importance.png"]),
        ("ModelValidation", ["candidate_beats_champion    True", "Errors by segment.png"]),
        ("ModelDeployment", ["none: it is champion already", "mean_absolute_difference"]),
        ("BatchInference", ["Version 1 on", "trips of 2016-02-29", "Stored rows by version"]),
        (
            "Monitoring",
            ["in 0 of the last {num_evaluation_windows} days", "Drift.png", "(large above 0.25)"],
        ),
    ],
)
def test_a_notebook_shows_its_stage_and_changes_nothing(session, capsys, notebook, shown):
    before = production(session)
    runpy.run_path(str(NOTEBOOKS[notebook]))
    printed = capsys.readouterr().out
    for text in shown:
        assert text.format(**session.target.monitoring_workflow.model_dump()) in printed
    for picture in (line for line in printed.splitlines() if line.endswith(".png")):
        assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert production(session) == before


def test_before_the_first_model_a_notebook_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("MLOPS_TARGET", raising=False)
    monkeypatch.setenv("BUNDLE_VAR_state_folder", str(tmp_path))
    for notebook, alias in (("ModelDeployment", "champion"), ("ModelValidation", "candidate")):
        with pytest.raises(ModelNotFoundError, match=f"No version of fare_model holds the alias '{alias}' yet"):
            runpy.run_path(str(NOTEBOOKS[notebook]))


def test_the_notebooks_are_those_of_the_stages():
    assert sorted(NOTEBOOKS) == [
        "BatchInference",
        "FeatureEngineering",
        "ModelDeployment",
        "ModelValidation",
        "Monitoring",
        "Training",
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())
def test_databricks_reads_it_as_a_notebook_and_installs_what_it_needs(notebook):
    text = notebook.read_text()
    dagster = next(line.strip() for line in (ROOT / "setup.cfg").read_text().splitlines() if "dagster>=" in line)
    assert text.startswith("# Databricks notebook source\n# MAGIC %md\n# MAGIC # ")
    install = next(line for line in text.splitlines() if "%pip" in line)
    arguments = shlex.split(install.removeprefix("# MAGIC %pip install -q "))
    files = [(notebook.parent / after).resolve() for before, after in pairwise(arguments) if before == "-r"]
    assert files == [ROOT / "my_mlops_stacks" / name for name in REQUIREMENTS_FILES]
    assert arguments[-1] == dagster


def test_a_session_of_databricks_starts_nothing(monkeypatch):
    monkeypatch.delenv("MLOPS_TARGET", raising=False)
    assert open_session(PROJECT, "staging").tables.full_name("trips") == "staging.my_mlops_stacks.trips"
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert open_session(PROJECT).target.name == "dev"


def test_a_table_of_each_model_is_read_by_its_own_name():
    """Of several models, or their notebooks would show the table that the first one left when it was alone."""
    scoped = "|".join(SCOPED)
    literal = re.compile(rf"""read\(f?"(?:{scoped}|inference_)""")
    assert [name for name, path in NOTEBOOKS.items() if literal.search(path.read_text())] == []
