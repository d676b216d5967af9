"""A repository in a folder, as a pipeline's run checks it out."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Repository:
    """A repository with the branch main, which a test may make known as origin/main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "tester")
        self.git("config", "user.email", "tester@example.com")

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, file: str, text: str) -> str:
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / file).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")
