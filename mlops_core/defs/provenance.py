"""The git commit of the running code."""

import subprocess
from functools import cache
from os import environ
from pathlib import Path

COMMIT_VARIABLE = "GIT_COMMIT"
"""Images and clusters have no repository: their build or launch sets the commit."""


@cache
def git_commit(root: Path) -> str:
    """The commit of the repository at `root`, `unknown` where neither the environment nor a repository says it."""
    if environ.get(COMMIT_VARIABLE):
        return environ[COMMIT_VARIABLE]
    try:
        asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
