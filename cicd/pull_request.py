"""A branch of the repository, and the pull request for it on Azure Repos."""

from __future__ import annotations

import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cicd.azure_devops.client import AzureDevOps, of_run

AUTHOR = ("-c", "user.name=deploy-cicd", "-c", "user.email=deploy-cicd@localhost")


def git(folder: Path, *arguments: str) -> str:
    """What git says, without the last line break."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout.strip()


@contextmanager
def branch_of_main(repository: Path, branch: str) -> Iterator[Path]:
    """A work tree with `branch` of the remote unless main has got all of it, else with main."""
    git(repository, "fetch", "origin", "--prune", "+refs/heads/*:refs/remotes/origin/*")
    known = git(repository, "for-each-ref", "--format=%(refname)", f"refs/remotes/origin/{branch}")
    is_open = bool(known) and not _was_merged(repository, f"origin/{branch}")
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git(repository, "worktree", "add", "--detach", str(tree), f"origin/{branch}" if is_open else "origin/main")
        try:
            yield tree
        finally:
            git(repository, "worktree", "remove", "--force", str(tree))


def _was_merged(repository: Path, branch: str) -> bool:
    """Whether main, now or at some commit since the branch left it, held all of it: a squash leaves no commit of it."""
    since = git(repository, "rev-list", "--first-parent", f"{branch}..origin/main").split()
    return any(_adds_nothing(repository, branch, commit) for commit in ("origin/main", *since))


def _adds_nothing(repository: Path, branch: str, commit: str) -> bool:
    """Whether a merge of `branch` would leave the files of `commit` as they are."""
    merge = ["git", "merge-tree", "--write-tree", commit, branch]
    merged = subprocess.run(merge, cwd=repository, check=False, capture_output=True, text=True)  # noqa: S603
    return merged.returncode == 0 and merged.stdout.strip() == git(repository, "rev-parse", f"{commit}^{{tree}}")


def push_changes(tree: Path, branch: str, message: str) -> bool:
    """Commit what changed in `tree` and push it as `branch`; whether its files differ from those of main."""
    git(tree, "add", "--all")
    if git(tree, "status", "--porcelain"):
        git(tree, *AUTHOR, "commit", "--no-verify", "--message", message)
        # The remote branch may be left from a pull request that was merged; this never drops what main has not got.
        git(tree, "push", "--force-with-lease", "origin", f"HEAD:refs/heads/{branch}")
    return git(tree, "rev-parse", "HEAD^{tree}") != git(tree, "rev-parse", "origin/main^{tree}")


@dataclass(frozen=True)
class AzureRepos:
    """A repository of Azure Repos."""

    devops: AzureDevOps
    name: str

    @staticmethod
    def of(environ: Mapping[str, str]) -> AzureRepos:
        """That of a pipeline's run. Raises `AzureDevOpsError` when one of its variables is missing."""
        (name,) = of_run(environ, "BUILD_REPOSITORY_NAME")
        return AzureRepos(AzureDevOps.of_run(environ), name)

    def ensure_pull_request(self, branch: str, title: str, description: str) -> str:
        """The page of the open pull request from `branch` to main, opened if there is none."""
        path = f"git/repositories/{urllib.parse.quote(self.name)}/pullrequests"
        ends = {"sourceRefName": f"refs/heads/{branch}", "targetRefName": "refs/heads/main"}
        criteria = {f"searchCriteria.{name}": value for name, value in {"status": "active", **ends}.items()}
        found = self.devops.get(path, **criteria)["value"]
        body = {**ends, "title": title, "description": description}
        opened = found[0] if found else self.devops.send("POST", path, body)
        return f"{self.devops.page}/_git/{urllib.parse.quote(self.name)}/pullrequest/{opened['pullRequestId']}"
