"""Command line tools that only record how they were called."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from my_mlops_stacks_tests.conftest import ROOT

RECORDER = """#!/bin/sh
''''exec {python} "$0" "$@" # the shell takes a Python in a folder with a blank, as #! does not '''
import json, os, sys
name = os.path.basename(sys.argv[0])
with open({log!r}, "a") as log:
    log.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
answers = json.load(open({answers!r}))
known = [key for key in answers if " ".join([name, *sys.argv[1:]]).startswith(key)]
if known:
    print(answers[max(known, key=len)])
"""


@dataclass
class Tools:
    """Stand-ins on the PATH of the scripts that a test runs. `answers`: start of a command line -> what it prints."""

    folder: Path

    def add(self, *names: str, folder: Path | None = None, **answers: str) -> None:
        """Put stand-ins called `names` on the PATH, or into `folder`."""
        where = folder or self.folder / "bin"
        where.mkdir(parents=True, exist_ok=True)
        for name in names:
            text = RECORDER.format(python=shlex.quote(sys.executable), log=str(self._log), answers=str(self._answers))
            (where / name).write_text(text)
            (where / name).chmod(0o755)
        self.answer({})

    def answer(self, answers: dict[str, str]) -> None:
        self._answers.write_text(json.dumps(answers))

    def calls(self) -> list[list[str]]:
        """The command lines so far, each as a list."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def run(self, script: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", **environ}
        command = ["bash", str(script), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @property
    def _log(self) -> Path:
        return self.folder / "calls.jsonl"

    @property
    def _answers(self) -> Path:
        return self.folder / "answers.json"


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the scripts of this repository and two projects without code."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("my_mlops_stacks", "churn"):
        (folder / name).mkdir()
        (folder / name / "databricks.yml").write_text("bundle: {}\n")
    return folder
