"""A clone with its environment set up, in which projects are made by the commands that people type."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from my_mlops_stacks_tests.repository import copy_files


@dataclass(frozen=True)
class Clone:
    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Clone:
        """A repository of its own with these files; its environment is this one, whose libraries are the same."""
        copy_files(folder)
        (folder / ".venv").mkdir()
        for part in Path(sys.prefix).iterdir():
            if part.name != ".ready":
                (folder / ".venv" / part.name).symlink_to(part)
        clone = cls(folder)
        clone.run("git init --quiet && git add --all && git commit --quiet --message Template")
        (folder / ".venv" / ".ready").touch()
        return clone

    def run(self, command: str, **variables: str) -> str:
        """What a command says; one that fails fails the test, with what it said."""
        done = self.tried(command, **variables)
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def tried(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_PATH")}
        ours = {name: value for name, value in kept.items() if name not in ("COLUMNS", "LINES")}  # of pytest's workers
        author = {f"GIT_{role}_{what}": "a@b.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        call = ["bash", "-euo", "pipefail", "-c", command]
        return subprocess.run(
            call,
            cwd=self.folder,
            env=ours | author | {"PYTHONPATH": str(self.folder)} | variables,
            check=False,
            capture_output=True,
            text=True,
        )
