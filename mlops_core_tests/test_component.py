"""A project as a component: `dg` itself lists it, writes its defs.yaml, and loads that beside a team's own assets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlops_core.component import ProjectComponent, ProjectNotFoundError
from mlops_core.project import DeclarationError

ROOT = Path(__file__).resolve().parents[1]
COMPONENT = "mlops_core.component.ProjectComponent"
FLIGHTS, FARES = "mlops_core_tests.flights.project.PROJECT", "my_mlops_stacks.project.PROJECT"
DG = "import sys; sys.argv[0] = 'dg'; from dagster_dg_cli.cli import main; main()"
SETUP = "from setuptools import setup; setup()"

PYPROJECT = """
[project]
name = "team"
version = "0.1.0"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "team"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
OWN = """
import dagster as dg


@dg.asset
def champion() -> None: ...


defs = dg.Definitions(assets=[champion], executor=dg.in_process_executor, resources={"spark": object()})
"""


def loaded(**attributes: str) -> dg.Definitions:
    component = ProjectComponent.resolve_from_dict({"project": FLIGHTS, **attributes})
    return component.build_defs(dg.ComponentTree.for_test().load_context)


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_a_component_takes_the_prefix_of_its_project_another_one_or_none() -> None:
    assert "flights/champion" in keys(loaded())
    assert "air/champion" in keys(loaded(prefix="air"))
    assert "champion" in keys(loaded(prefix=""))
    assert loaded().executor is None


def test_a_component_names_its_target() -> None:
    assert [job.name for job in loaded(target="dev").jobs if "smoke" in job.name] == [
        "flights_smoke_job",
        "flights_smoke_cancellation_job",
    ]
    assert not [job for job in loaded(target="local").jobs if "smoke" in job.name]


@pytest.mark.parametrize(
    ("project", "said"),
    [
        (
            "nobody.project.PROJECT",
            "There is no project 'nobody.project.PROJECT' .*nobody.*: name the Project of a pack",
        ),
        ("mlops_core_tests.flights.project.NONE", "There is no project .*NONE"),
        ("PROJECT", "There is no project 'PROJECT'"),
        ("", "There is no project ''"),
        (
            "mlops_core_tests.flights.project.MODEL",
            "'mlops_core_tests.flights.project.MODEL' is a Model and no project",
        ),
    ],
)
def test_what_is_no_project_is_said_in_a_sentence(project: str, said: str) -> None:
    with pytest.raises(ProjectNotFoundError, match=said):
        loaded(project=project)


def test_a_prefix_that_dagster_refuses_is_said_in_a_sentence() -> None:
    with pytest.raises(DeclarationError, match="prefix is 'my-flights', but names in Dagster"):
        loaded(prefix="my-flights")


class TeamProject:
    """A `dg` project of a team, in which this distribution is installed as setup.cfg says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.package = folder, folder / "src" / "team"
        (self.package / "defs").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (self.package / "__init__.py").touch()
        (self.package / "definitions.py").write_text(DEFINITIONS)
        (self.package / "defs" / "own.py").write_text(OWN)
        info = [sys.executable, "-c", SETUP, "-q", "dist_info", "--output-dir", str(folder / "installed")]
        (folder / "installed").mkdir()
        subprocess.run(info, cwd=ROOT, check=True, capture_output=True)

    def dg(self, *words: str) -> str:
        path = os.pathsep.join(map(str, (self.folder / "installed", ROOT, self.folder / "src")))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DG, *words],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path},
            check=False,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.slow
def test_dg_lists_it_scaffolds_two_projects_and_loads_them_beside_what_a_team_has(tmp_path: Path) -> None:
    team = TeamProject(tmp_path)
    listed = {each["key"]: each["summary"] for each in json.loads(team.dg("list", "components", "--json"))["items"]}
    assert listed[COMPONENT].startswith("A project of mlops_core")
    team.dg("scaffold", "defs", COMPONENT, "air", "--project", FLIGHTS)
    assert written(team, "air") == f"type: {COMPONENT}\n\nattributes:\n  project: {FLIGHTS}\n  prefix: air\n"
    team.dg("scaffold", "defs", COMPONENT, "my_mlops_stacks")
    assert f"project: {FARES}" in written(team, "my_mlops_stacks")
    team.dg("check", "yaml")
    found = json.loads(team.dg("list", "defs", "--json"))
    assert {"champion", "air/champion", "my_mlops_stacks/trips"} <= {each["asset_key"] for each in found["assets"]}
    assert {"air_monitoring_job", "my_mlops_stacks_monitoring_job"} <= {each["name"] for each in found["jobs"]}


def written(team: TeamProject, name: str) -> str:
    return (team.package / "defs" / name / "defs.yaml").read_text()
