"""docs/deployment.md names what there is, and explains what the platform engineer must set."""

from __future__ import annotations

import re

from my_mlops_stacks_tests.deploy.conftest import ROOT
from my_mlops_stacks_tests.repository import files

PAGE = (ROOT / "docs" / "deployment.md").read_text()


def test_every_file_of_deploy_is_explained_and_every_link_leads_somewhere() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", PAGE))
    assert all((ROOT / "docs" / link).exists() for link in linked)
    named = {name for name in files() if name.startswith("deploy/")}
    assert named <= {link.removeprefix("../") for link in linked}


def test_every_variable_that_compose_takes_is_explained() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    taken = set(re.findall(r"\$\{(\w+)", compose)) | set(re.findall(r"^ +([A-Z_]+):$", compose, re.MULTILINE))
    assert "DATABRICKS_HOST" in taken
    given_by_the_script = {"IMAGE", "MLOPS_TARGET", "MLOPS_PROJECT"}
    assert {name for name in taken - given_by_the_script if f"`{name}`" not in PAGE} == set()


def test_the_charts_version_is_the_scripts() -> None:
    [version] = re.findall(r"^CHART_VERSION=(\S+)", (ROOT / "scripts" / "deploy_code_location.sh").read_text(), re.M)
    assert f"--version {version} " in PAGE
