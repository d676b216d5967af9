"""`deploy-cicd` on a repository with a bare remote: a second project, its pull request, and what becomes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from my_mlops_stacks_tests.azure.cases import cases
from my_mlops_stacks_tests.azure.pull_requests import PullRequests, served
from my_mlops_stacks_tests.azure.rules import RULES
from my_mlops_stacks_tests.azure.test_cicd import KINDS as STARTED
from my_mlops_stacks_tests.azure.test_pipelines import check_schema
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import copy_files

NAME = "churn"
KINDS = (*STARTED, "promotion-cd")
BRANCH = f"cicd/{NAME}"


@dataclass
class Checkout:
    """What a pipeline's run has: a clone of the remote, and the server for pull requests."""

    folder: Path
    remote: Path
    pull_requests: PullRequests

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        where = folder or self.folder
        return subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True, text=True).stdout.strip()

    def python(self, *arguments: str, folder: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        where = folder or self.folder
        environment = {**os.environ, **self.pull_requests.environment, "PYTHONPATH": str(where), **environ}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)

    def deploy_cicd(self, name: str = NAME, **environ: str) -> subprocess.CompletedProcess[str]:
        """The script of the pipeline, with the environment of these tests."""
        environment = {**os.environ, **self.pull_requests.environment, "PROJECT_NAME": name, **environ}
        script = [str(self.folder / "scripts" / "deploy_cicd.sh")]
        return subprocess.run(script, env=environment, capture_output=True, text=True, check=False)

    def commits(self, branch: str) -> list[str]:
        return self.git("log", "--format=%H", branch, folder=self.remote).splitlines()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The files of this repository, pushed to a bare remote and cloned, as the first run of deploy-cicd finds them."""
    folder = tmp_path_factory.mktemp("repository")
    with served() as pull_requests:
        made = Checkout(folder / "clone", folder / "remote.git", pull_requests)
        source = folder / "source"
        copy_files(source)
        (source / NAME).mkdir()
        (source / NAME / "databricks.yml").write_text("bundle: {name: churn}\n")
        made.git("init", "--quiet", "--initial-branch", "main", folder=source)
        made.git("add", "--all", folder=source)
        author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
        made.git(*author, "commit", "--quiet", "--message", "the template", folder=source)
        made.git("clone", "--quiet", "--bare", str(source), str(made.remote), folder=folder)
        made.git("clone", "--quiet", str(made.remote), str(made.folder), folder=folder)
        (made.folder / ".venv").symlink_to(sys.prefix)
        yield made


@pytest.fixture(scope="module")
def proposed(fresh: Checkout) -> Checkout:
    """After the first run of deploy-cicd."""
    done = fresh.deploy_cicd()
    assert done.returncode == 0, done.stderr
    assert f"The pull request is {fresh.pull_requests.address}/acme/mlops/_git/taxi/pullrequest/1" in done.stdout
    return fresh


@pytest.fixture(scope="module")
def project(proposed: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the branch that was proposed."""
    folder = tmp_path_factory.mktemp("second") / "clone"
    proposed.git("clone", "--quiet", "--branch", BRANCH, str(proposed.remote), str(folder))
    return folder


def test_the_pull_request_goes_from_the_branch_to_main(proposed: Checkout) -> None:
    (opened,) = proposed.pull_requests.requests
    assert (opened["sourceRefName"], opened["targetRefName"]) == (f"refs/heads/{BRANCH}", "refs/heads/main")
    assert f"scripts/create_pipelines.sh {NAME}" in opened["description"]


def test_the_checkout_of_the_run_stays_as_it_was(proposed: Checkout) -> None:
    assert proposed.git("status", "--porcelain", "--untracked-files=no") == ""
    assert proposed.git("branch", "--show-current") == "main"
    assert len(proposed.git("worktree", "list").splitlines()) == 1


def test_a_second_run_has_no_second_effect(proposed: Checkout) -> None:
    commits = proposed.commits(BRANCH)
    assert len(commits) == 2
    assert "pullrequest/1" in proposed.deploy_cicd().stdout
    assert proposed.commits(BRANCH) == commits
    assert len(proposed.pull_requests.requests) == 1


def test_a_run_completes_what_an_earlier_one_left_out(proposed: Checkout) -> None:
    """The branch was pushed, and the pull request was abandoned, or never opened."""
    proposed.pull_requests.requests[0]["status"] = "abandoned"
    try:
        assert "pullrequest/2" in proposed.deploy_cicd().stdout
        assert len(proposed.commits(BRANCH)) == 2
    finally:
        proposed.pull_requests.requests[:] = [{**proposed.pull_requests.requests[0], "status": "active"}]


def test_after_the_merge_there_is_nothing_to_do(proposed: Checkout) -> None:
    before = proposed.git("rev-parse", "main", folder=proposed.remote)
    proposed.git("update-ref", "refs/heads/main", BRANCH, folder=proposed.remote)
    try:
        assert f"Nothing to do: main has the project {NAME}" in proposed.deploy_cicd().stdout
    finally:
        proposed.git("update-ref", "refs/heads/main", before, folder=proposed.remote)


def squashed(checkout: Checkout, *edits: tuple[str, str]) -> None:
    """Merge the branch into main as one commit of main, and then edit files there."""
    remote, author = checkout.remote, ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    commit = checkout.git(*author, "commit-tree", f"{BRANCH}^{{tree}}", "-p", "main", "-m", "squashed", folder=remote)
    checkout.git("update-ref", "refs/heads/main", commit, folder=remote)
    for file, text in edits:
        tree = checkout.folder.parent / "edit"
        checkout.git("clone", "--quiet", str(remote), str(tree), folder=remote)
        (tree / file).write_text(text)
        checkout.git(*author, "commit", "--quiet", "--all", "--message", f"edit {file}", folder=tree)
        checkout.git("push", "--quiet", "origin", "main", folder=tree)
        shutil.rmtree(tree)


@pytest.fixture
def restored(proposed: Checkout) -> Iterator[Checkout]:
    """With main, the branch and the pull requests put back as they were."""
    refs = {name: proposed.git("rev-parse", name, folder=proposed.remote) for name in ("main", BRANCH)}
    requests = list(proposed.pull_requests.requests)
    yield proposed
    for name, commit in refs.items():
        proposed.git("update-ref", f"refs/heads/{name}", commit, folder=proposed.remote)
    proposed.pull_requests.requests[:] = requests


@pytest.mark.parametrize("edits", [[], [(f"{NAME}/databricks.yml", "# ours\n")]], ids=["as is", "edited since"])
def test_after_a_squash_there_is_nothing_to_do_either(restored: Checkout, edits: list[tuple[str, str]]) -> None:
    """The branch was kept: no commit of it is on main, but all of its files are, or were."""
    squashed(restored, *edits)
    restored.pull_requests.requests[0]["status"] = "completed"
    done = restored.deploy_cicd()
    assert "Nothing to do" in done.stdout, done.stderr
    assert len(restored.pull_requests.requests) == 1


def test_what_main_lacks_after_a_squash_is_proposed_from_main(restored: Checkout) -> None:
    """A branch of old would bring back what was edited since."""
    edited = f".azure/devops-pipelines/{NAME}-tests-ci.yml"
    squashed(restored, (f"{NAME}/databricks.yml", "# ours\n"), (edited, "trigger: none\n"))
    restored.pull_requests.requests[0]["status"] = "completed"
    assert "pullrequest/2" in restored.deploy_cicd().stdout
    assert restored.git("diff", "--name-only", "main", BRANCH, folder=restored.remote) == edited
    assert restored.git("rev-list", "--count", f"main..{BRANCH}", folder=restored.remote) == "1"


def test_the_branch_adds_pipelines_and_changes_only_the_lists_of_code_locations(
    project: Path, proposed: Checkout
) -> None:
    changed = proposed.git("diff", "--name-status", "origin/main", "HEAD", folder=project).splitlines()
    assert [line.split("\t")[1] for line in changed if line.startswith("M")] == [
        "deploy/kubernetes/dagster-values.yaml",
        "workspace.yaml",
    ]
    assert {line.split("\t")[1] for line in changed if line.startswith("A")} == {
        f".azure/devops-pipelines/{NAME}-{kind}.yml" for kind in KINDS
    }


def test_both_projects_are_code_locations(project: Path) -> None:
    def locations(folder: Path) -> list[dict]:
        return [one["python_module"] for one in yaml.safe_load((folder / "workspace.yaml").read_text())["load_from"]]

    assert locations(project) == [
        *locations(ROOT),
        {"module_name": f"{NAME}.definitions", "location_name": NAME},
    ]


def test_its_pipelines_are_as_sound_as_those_of_the_first(project: Path) -> None:
    own = [case for case in cases(project / ".azure" / "devops-pipelines") if case.file.name.startswith(NAME)]
    assert {case.file.stem for case in own} == {f"{NAME}-{kind}" for kind in KINDS}
    rendered = [case.rendered() for case in own]
    assert [text for pipeline in rendered for rule in RULES for text in rule(pipeline)] == []
    assert check_schema(sorted({case.file for case in own})).returncode == 0


def test_what_goes_wrong_on_the_way_is_one_sentence(proposed: Checkout) -> None:
    refused = proposed.deploy_cicd(AZURE_DEVOPS_TOKEN="of somebody else")
    assert (refused.returncode, "401" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    without = "import os; del os.environ['SYSTEM_TEAMPROJECT']"
    call = f"from cicd.__main__ import main; raise SystemExit(main(['{NAME}', '--pull-request']))"
    lacking = proposed.python("-c", f"{without}; {call}")
    assert "The environment variable SYSTEM_TEAMPROJECT is missing" in lacking.stderr


@pytest.mark.parametrize(("name", "sentence"), [("Fare-Two", "use 2 to 30 lower-case"), ("docs", "that is no project")])
def test_a_name_that_cannot_be_a_project_is_refused(fresh: Checkout, name: str, sentence: str) -> None:
    done = fresh.deploy_cicd(name)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert len(fresh.git("branch", "--all", "--list", f"*{name}*")) == 0


def test_a_project_that_does_not_exist_is_made_of_a_toy_problem_and_proposed(
    restored: Checkout, tmp_path: Path
) -> None:
    done = restored.deploy_cicd("depots", KIND_OF_PROBLEM="binary")
    assert "pullrequest/2" in done.stdout, done.stderr
    made = restored.git("ls-tree", "-r", "--name-only", "cicd/depots", folder=restored.remote).splitlines()
    added = set(made) - set(restored.git("ls-tree", "-r", "--name-only", "main", folder=restored.remote).splitlines())
    assert {"depots/project.py", "depots/.copier-answers.yml", "depots_tests/test_model.py"} < added
    assert {name.split("/")[0] for name in added} == {"depots", "depots_tests", ".azure"}
    before = restored.commits("cicd/depots")
    assert "pullrequest/2" in restored.deploy_cicd("depots", KIND_OF_PROBLEM="binary").stdout
    assert restored.commits("cicd/depots") == before


@pytest.mark.parametrize("name", ["json", "pandas", "tests"])
def test_a_name_that_something_else_has_is_refused(fresh: Checkout, name: str) -> None:
    done = fresh.deploy_cicd(name, KIND_OF_PROBLEM="binary")
    assert (done.returncode, done.stdout) == (1, "")
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert fresh.git("branch", "--all", "--list", f"*{name}*", folder=fresh.remote) == ""
