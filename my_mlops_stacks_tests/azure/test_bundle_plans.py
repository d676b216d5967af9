"""Two merges in a row, and plans that wait for an approval, with a stand-in for the Databricks CLI that keeps a state.

Like the direct engine of the CLI, it numbers the state, writes the deployed commit beside it, and refuses the plan of
another state.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.azure.repository import Repository

CLI = """#!/bin/sh
''''exec {python} "$0" "$@" # the shell takes a Python in a folder with a blank, as #! does not '''
import json, pathlib, subprocess, sys
store = pathlib.Path({state!r})
state = json.loads(store.read_text()) if store.exists() else {{"serial": 0, "there": {{}}}}
words, there = sys.argv[1:], state["there"]
config = dict(line.split(": ") for line in pathlib.Path("databricks.yml").read_text().splitlines())
if words[:2] == ["bundle", "validate"]:
    print(json.dumps({{"workspace": {{"state_path": "/state"}}}}))
elif words[:2] == ["workspace", "export"]:
    if "commit" not in state:
        sys.exit("Error: Path (/state/metadata.json) doesn't exist.")
    print(json.dumps({{"config": {{"bundle": {{"git": {{"commit": state["commit"]}}}}}}}}, indent=2))
elif words[:2] == ["bundle", "plan"]:
    acts = {{name: "delete" for name in there if name not in config}}
    for name, value in config.items():
        acts[name] = "create" if name not in there else "skip" if there[name] == value else "update"
    plan = {{name: {{"action": act, "changes": {{"comment": {{"action": act}}}}}} for name, act in acts.items()}}
    print(json.dumps({{"serial": state["serial"], "plan": plan, "config": config}}))
else:
    plan = json.loads(pathlib.Path(words[words.index("--plan") + 1]).read_text())
    if plan["serial"] != state["serial"]:
        sys.exit("plan serial does not match state serial")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    store.write_text(json.dumps({{"serial": state["serial"] + 1, "there": plan["config"], "commit": commit}}))
"""


class Prod:
    """The target prod of a repository whose bundle is lines `resource: value`."""

    def __init__(self, repository: Repository, tools: Tools) -> None:
        self.repository, self.tools, self.state = repository, tools, tools.folder / "state.json"
        program = tools.folder / "bin" / "databricks"
        program.parent.mkdir()
        program.write_text(CLI.format(python=shlex.quote(sys.executable), state=str(self.state)))
        program.chmod(0o755)
        (repository.folder / ".venv" / "bin").mkdir(parents=True)
        (repository.folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
        (repository.folder / ".gitignore").write_text(".venv\n")

    def merge(self, **resources: str) -> str:
        lines = "".join(f"{name}: {value}\n" for name, value in resources.items())
        return self.repository.commit("churn/databricks.yml", lines)

    def bundle(self, verb: str, commit: str, *folders: str) -> subprocess.CompletedProcess[str]:
        self.repository.git("checkout", "--quiet", commit)
        script = self.repository.folder / "scripts" / "bundle.sh"
        done = self.tools.run(script, "churn", verb, "prod", *(str(self.tools.folder / one) for one in folders))
        self.repository.git("checkout", "--quiet", "main")
        return done


@pytest.fixture
def prod(project: Path, tools: Tools) -> Prod:
    return Prod(Repository(project), tools)


def test_two_merges_in_a_row_both_land_though_both_were_planned_before(prod: Prod) -> None:
    commits = [prod.merge(schema="one"), prod.merge(schema="one", model="two")]
    for commit in commits:
        assert prod.bundle("plan", commit, commit).returncode == 0
    for commit in commits:
        done = prod.bundle("deploy", commit, "new", commit)
        assert done.returncode == 0, done.stderr
    assert '"there": {"schema": "one", "model": "two"}' in prod.state.read_text()


def test_an_older_commit_never_follows_a_newer_one(prod: Prod) -> None:
    first, second = prod.merge(schema="one"), prod.merge(schema="two")
    assert prod.bundle("plan", first, "first").returncode == 0
    assert prod.bundle("deploy", second, "new").returncode == 0
    done = prod.bundle("deploy", first, "new", "first")
    said = f"prod has commit {second} already, which is later than this one: start a new run.\n"
    assert (done.returncode, done.stderr) == (1, said)
    assert '"schema": "two"' in prod.state.read_text()


def test_what_the_approved_plan_did_not_say_is_not_done(prod: Prod) -> None:
    """What somebody removed in the meantime would be made again."""
    assert prod.bundle("deploy", prod.merge(schema="one", model="two"), "new").returncode == 0
    later = prod.merge(schema="one", model="three")
    assert prod.bundle("plan", later, "approved").returncode == 0
    before = prod.state.read_text().replace('"schema": "one", ', "")
    prod.state.write_text(before)
    done = prod.bundle("deploy", later, "new", "approved")
    assert done.returncode == 1
    assert "did not say: create schema, create schema.comment. Start a new run." in done.stderr
    assert prod.state.read_text() == before


def test_a_commit_is_deployed_again(prod: Prod) -> None:
    commit = prod.merge(schema="one")
    assert [prod.bundle("deploy", commit, "new").returncode for _ in range(2)] == [0, 0]
