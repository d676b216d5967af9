"""Scripts with stand-ins for the programs that talk to the outside."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STUB = Path(__file__).with_name("stub_program.sh")
PROGRAMS = ("docker", "helm", "kubectl", "dagster-cloud", "dg")


@dataclass
class Shell:
    """Runs a script of the project; what its programs were asked is in `calls`."""

    programs: Path
    notes: Path
    root: Path = ROOT

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.notes),
            "STUB_NOTES": str(self.notes),
            **variables,
        }
        command = [str(self.root / "scripts" / script), *arguments]
        return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, cwd=self.notes)

    @property
    def calls(self) -> list[list[str]]:
        noted = self.notes / "calls"
        return [line.split("\t") for line in noted.read_text().splitlines()] if noted.exists() else []

    def given(self, program: str) -> Any:
        """The file that the program was given."""
        return yaml.safe_load((self.notes / f"{program}.yaml").read_text())

    def environment_of(self, program: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.notes / f"{program}.env").read_text().splitlines())

    def let_fail(self, program: str, error: str = "") -> None:
        """Let a program fail, or with an underscore one of its commands, which says the error: docker_build."""
        (self.notes / f"{program}_fails").touch()
        (self.notes / f"{program}_says").write_text(error)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    programs, notes = tmp_path / "programs", tmp_path / "notes"
    programs.mkdir()
    notes.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(STUB)
    return Shell(programs, notes)
