"""A step of a project in a team's code location runs on Databricks: what the module is made of is staged there."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.project import DeclarationError
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.rehearsal.rehearsal import QUIET, Rehearsal, opened

MODULE = """
import dagster as dg

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT
from team_platform.own import champion

project = definitions_of(PROJECT, load_target(PROJECT), prefix="fares", packages=["team_platform"])
own = dg.Definitions(assets=[champion], executor=dg.in_process_executor, resources={"step_launcher": object()})
defs = dg.Definitions.merge(project, own)
"""
OWN = """
import dagster as dg


@dg.asset
def champion() -> None: ...
"""


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a team's package, which can be imported."""
    package = tmp_path / "code" / "team_platform"
    package.mkdir(parents=True)
    for name, text in {"__init__": "", "own": OWN, "definitions": MODULE}.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=":")
    yield package
    for name in [name for name in sys.modules if name.startswith("team_platform")]:
        del sys.modules[name]


def run(rehearsal: Rehearsal, package: Path, job: str, day: str) -> dg.ExecuteInProcessResult:
    location = ReconstructableRepository.for_module(
        "team_platform.definitions", "defs", working_directory=str(package.parent)
    )
    return dg.execute_job(
        location.get_reconstructable_job(job),
        rehearsal.instance,
        tags={"dagster/partition": day},
        run_config=QUIET,
        raise_on_error=False,
    )


@pytest.mark.slow
def test_a_job_of_a_merged_code_location_runs_on_databricks(tmp_path: Path, platform: Path) -> None:
    with opened(tmp_path / "rehearsal", has_models=False) as rehearsal:
        result = run(rehearsal, platform, "fares_feature_engineering_job", str(rehearsal.target.first_day))
        assert result.success
        launched = {
            event.step_key
            for event in result.all_events
            if event.is_engine_event and "databricks_run" in event.engine_event_data.metadata
        }
        assert {"fares__ingest_trips", "fares__trip_pickup_features", "fares__trip_dropoff_features"} <= launched


def test_a_package_that_is_not_there_is_said_when_the_code_location_loads() -> None:
    with pytest.raises(DeclarationError, match="There is no package 'team_nowhere' to import"):
        definitions_of(PROJECT, load_target(PROJECT, "dev"), prefix="fares", packages=["team_nowhere"])
