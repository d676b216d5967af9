"""A branch of the repository, and the pull request for it on Azure Repos."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

API_VERSION = "7.1"
AUTHOR = ("-c", "user.name=deploy-cicd", "-c", "user.email=deploy-cicd@localhost")


def git(folder: Path, *arguments: str) -> str:
    """What git says, without the last line break."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout.strip()


@contextmanager
def branch_of_main(repository: Path, branch: str) -> Iterator[Path]:
    """A work tree with `branch` of the remote where it has commits that main lacks, else with main."""
    git(repository, "fetch", "origin", "--prune", "+refs/heads/*:refs/remotes/origin/*")
    known = git(repository, "for-each-ref", "--format=%(refname)", f"refs/remotes/origin/{branch}")
    ahead = bool(known) and git(repository, "rev-list", "--count", f"origin/main..origin/{branch}") != "0"
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git(repository, "worktree", "add", "--detach", str(tree), f"origin/{branch}" if ahead else "origin/main")
        try:
            yield tree
        finally:
            git(repository, "worktree", "remove", "--force", str(tree))


def push_changes(tree: Path, branch: str, message: str) -> bool:
    """Commit what changed in `tree` and push it as `branch`; whether the branch has anything that main lacks."""
    git(tree, "add", "--all")
    if git(tree, "status", "--porcelain"):
        git(tree, *AUTHOR, "commit", "--no-verify", "--message", message)
        # The remote branch may be left from a pull request that was merged; this never drops commits main lacks.
        git(tree, "push", "--force-with-lease", "origin", f"HEAD:refs/heads/{branch}")
    return git(tree, "rev-list", "--count", "origin/main..HEAD") != "0"


@dataclass(frozen=True)
class AzureRepos:
    """The repository's REST API, as a pipeline's run finds it in its environment."""

    collection: str
    project: str
    repository: str
    token: str

    @staticmethod
    def of(environ: Mapping[str, str]) -> AzureRepos:
        """Raises `KeyError` with the name of the variable that is missing."""
        names = ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_REPOSITORY_NAME", "SYSTEM_ACCESSTOKEN")
        return AzureRepos(*(environ[name] for name in names))

    def ensure_pull_request(self, branch: str, title: str, description: str) -> str:
        """The page of the open pull request from `branch` to main, opened if there is none."""
        ends = {"sourceRefName": f"refs/heads/{branch}", "targetRefName": "refs/heads/main"}
        criteria = {"status": "active", **ends}
        found = self._call({f"searchCriteria.{name}": value for name, value in criteria.items()})["value"]
        opened = found[0] if found else self._call({}, {**ends, "title": title, "description": description})
        return f"{self._base}/_git/{urllib.parse.quote(self.repository)}/pullrequest/{opened['pullRequestId']}"

    @property
    def _base(self) -> str:
        return f"{self.collection.rstrip('/')}/{urllib.parse.quote(self.project)}"

    def _call(self, query: Mapping[str, str], body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        address = f"{self._base}/_apis/git/repositories/{urllib.parse.quote(self.repository)}/pullrequests"
        query = urllib.parse.urlencode({**query, "api-version": API_VERSION})
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{address}?{query}", data=data, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the agent's own server
            return json.load(answer)
