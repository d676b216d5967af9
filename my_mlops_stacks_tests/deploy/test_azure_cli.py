"""Every call of the Azure CLI in guides and scripts, read by its own parser."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from my_mlops_stacks_tests.deploy import guide, real_tools
from my_mlops_stacks_tests.deploy.conftest import ROOT

pytestmark = pytest.mark.slow
OF_DEVOPS = ("devops", "pipelines", "repos")
REMOVED = [
    "postgres",
    "flexible-server",
    "db",
    "create",
    "--resource-group",
    "g",
    "--server-name",
    "s",
    "--database-name",
    "d",
]
# What only pipelines run, in each of their ways.
SCRIPTS = """
scripts/image_of_commit.sh my_mlops_stacks registry refs/heads/main
scripts/image_of_commit.sh my_mlops_stacks registry refs/heads/release
export EARLIER_IMAGE=0123456789012345678901234567890123456789
scripts/image_of_commit.sh my_mlops_stacks registry refs/heads/main
az acr login --name registry
"""


def test_the_azure_cli_knows_every_command_and_option(tmp_path: Path) -> None:
    """The calls are those that bash makes of the text. The extension azure-devops is read where it is installed."""
    real_tools.azure_python()
    commands = "\n".join([guide.pasted(), SCRIPTS, *guide.further_commands()])
    made = [guide.run(tmp_path, commands, exists)[0] for exists in (False, True)]
    calls = {tuple(call[1:]) for run in made for call in run if call[0] == "az"}
    assert len(calls) > 90
    assert _written() <= {_name(call) for call in calls}
    told = dict.fromkeys([*calls, tuple(REMOVED)])
    refused = {tuple(call): error for call, error in _refused([list(call) for call in told])}
    assert "arguments are required: --name" in refused.pop(tuple(REMOVED))  # which shows that the parser judges
    if not _has_devops():
        refused = {call: error for call, error in refused.items() if call[0] not in OF_DEVOPS}
    assert {shlex.join(call): error for call, error in refused.items()} == {}


def _written() -> set[str]:
    """The groups of commands that stand in the scripts, so that none is left out by the way that a script takes."""
    text = "\n".join(script.read_text() for script in (ROOT / "scripts").glob("*.sh"))
    code = [line.split("#")[0] for line in text.splitlines()]
    return {" ".join(found) for line in code for found in re.findall(r"\baz ([a-z]+) ([a-z-]+)", line)}


def _name(call: tuple[str, ...]) -> str:
    return " ".join(call[:2])


def _refused(calls: list[list[str]]) -> list[tuple[list[str], str]]:
    python = real_tools.azure_python()
    script = Path(__file__).with_name("parse_azure.py")
    environment = {**os.environ, "AZURE_EXTENSION_DIR": real_tools.AZURE_EXTENSIONS}
    done = subprocess.run(
        [python, script], input=json.dumps(calls), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _has_devops() -> bool:
    return not _refused([["pipelines", "list"]])
