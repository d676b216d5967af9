"""Every command of the runbook can be run where it says: parsed by the program that it is for."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import dagster as dg
import pytest
import yaml
from dagster_dg_cli.cli.launch import launch_command

from mlops_core.cli import COMMANDS, Commands
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import ROOT

PAGE = (ROOT / "docs" / "runbook.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
PASTED = [command for block in BLOCKS for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)]
INLINE = re.findall(r"`((?:make|kubectl|docker|helm|az) [^`]+)`", PAGE)
IN_THE_CODE_SERVER = {
    "kubectl": "kubectl exec -n dagster-prod deploy/my-mlops-stacks-dagster-user-deployments-my-mlops-stacks --",
    "docker": "docker compose -p my-mlops-stacks-prod exec code-location",
}


def parsed(command: str) -> click.Context:
    """A command of the project or of dg, by its own options and arguments.

    Raises:
        click.UsageError: it does not take them.
    """
    words = shlex.split(command.replace("\\\n", " "))
    if words[:2] == [".venv/bin/dg", "launch"]:
        return launch_command.make_context("launch", words[2:])
    python, name = words[:3], words[3]
    assert python[0] in (".venv/bin/python", "python")
    assert python[1:] == ["-m", PROJECT.folder.name]
    found = Commands().get_command(click.Context(Commands()), name)
    assert found, f"{name} is none of {COMMANDS}"
    return found.make_context(name, words[4:])


@pytest.mark.parametrize("command", dict.fromkeys([*PASTED, *INLINE]))
def test_a_command_can_be_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for config in re.findall(r"-c (\w+\.yaml)", command):  # which the reader has written by then
        Path(config).touch()
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    program = command.split(maxsplit=1)[0]
    if program == "make":
        rules = (ROOT / "Makefile").read_text()
        assert re.search(rf"^{command.split()[1]}:", rules, re.MULTILINE)
    elif program.startswith("scripts/"):
        assert (ROOT / program).exists()
    elif "describe" in command:
        assert command.endswith(" -n dagster-prod")
    elif "port-forward" in command:
        assert command.replace("-prod", "-staging") in (ROOT / "docs" / "deployment.md").read_text()
    elif program in IN_THE_CODE_SERVER:
        there = command.replace("\\\n", " ")
        assert " ".join(there.split()).startswith(IN_THE_CODE_SERVER[program])
        parsed(there[there.index("python -m") :])
    elif command != "az login" and program != "export":
        parsed(command)


def test_a_command_that_can_not_be_run_is_found() -> None:
    for wrong in ("dg launch --jobs a", "python -m my_mlops_stacks explain --days 2016-02-20"):
        with pytest.raises(click.UsageError, match="No such option"):
            parsed(f".venv/bin/{wrong}")


def test_its_code_servers_are_those_that_are_deployed() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert "code-location" in services
    deployment = (ROOT / "docs" / "deployment.md").read_text()
    name = IN_THE_CODE_SERVER["kubectl"].split()[4]
    assert name in deployment, "both pages name the chart's deployment"


def test_its_jobs_exist_and_take_its_configs() -> None:
    """Those that `dg launch` starts on a laptop, the others where they have something to do."""
    local, deployed = (
        definitions_of(PROJECT, load_target(PROJECT, name)).get_repository_def() for name in ("local", "staging")
    )
    launched = {name for command in PASTED for name in re.findall(r"--job (\w+)", command)}
    named = launched | set(re.findall(r"`(\w+_job)`", PAGE))
    assert {"rollback_job", "mute_alerts_job", "table_maintenance_job"} <= launched <= named
    assert [name for name in sorted(launched) if not local.has_job(name)] == []
    assert [name for name in sorted(named) if not deployed.has_job(name)] == []
    configs = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    of_ops = {"roll_back": "rollback_job", "mute_alerts": "mute_alerts_job"}
    assert {op for config in configs for op in config["ops"]} == set(of_ops)
    for config in configs:
        (op,) = config["ops"]
        assert dg.validate_run_config(local.get_job(of_ops[op]), config)
