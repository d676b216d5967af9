"""Which code made something."""

import subprocess
from functools import cache
from os import environ

from my_mlops_stacks.target import PACKAGE

COMMIT_VARIABLE = "GIT_COMMIT"
"""An image and a cluster have no repository: whoever builds or starts them says the commit."""


@cache
def git_commit() -> str:
    """The commit of this code, `unknown` where neither the environment nor a repository says it."""
    if environ.get(COMMIT_VARIABLE):
        return environ[COMMIT_VARIABLE]
    try:
        asked = ["git", "-C", str(PACKAGE), "rev-parse", "HEAD"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
