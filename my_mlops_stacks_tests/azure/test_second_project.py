"""`deploy-cicd` on a repository with a bare remote: a second project, its pull request, and what becomes of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from my_mlops_stacks_tests.azure.cases import cases
from my_mlops_stacks_tests.azure.graph import jobs
from my_mlops_stacks_tests.azure.pull_requests import PullRequests, served
from my_mlops_stacks_tests.azure.rendering import render
from my_mlops_stacks_tests.azure.rules import RULES
from my_mlops_stacks_tests.azure.test_pipelines import check_schema
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import copy_files
from my_mlops_stacks_tests.test_docs import broken

TESTS_OF_TARGETS = tuple(f"bundle/test_{name}.py" for name in ("target", "refused_bundles", "refused_values"))
NAME = "second_of_the_tests"
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
        return self.python("-m", "cicd", name, "--pull-request", **environ)

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
        made.git("init", "--quiet", "--initial-branch", "main", folder=source)
        made.git("add", "--all", folder=source)
        author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
        made.git(*author, "commit", "--quiet", "--message", "the template", folder=source)
        made.git("clone", "--quiet", "--bare", str(source), str(made.remote), folder=folder)
        made.git("clone", "--quiet", str(made.remote), str(made.folder), folder=folder)
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
    assert proposed.git("status", "--porcelain") == ""
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


@pytest.mark.parametrize("edits", [[], [(f"{NAME}/{NAME}/databricks.yml", "# ours\n")]], ids=["as is", "edited since"])
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
    squashed(restored, (f"{NAME}/{NAME}/databricks.yml", "# ours\n"), (edited, "trigger: none\n"))
    restored.pull_requests.requests[0]["status"] = "completed"
    assert "pullrequest/2" in restored.deploy_cicd().stdout
    assert restored.git("diff", "--name-only", "main", BRANCH, folder=restored.remote) == edited
    assert restored.git("rev-list", "--count", f"main..{BRANCH}", folder=restored.remote) == "1"


def test_the_branch_adds_files_and_changes_only_the_list_of_code_locations(project: Path, proposed: Checkout) -> None:
    changed = proposed.git("diff", "--name-status", "origin/main", "HEAD", folder=project).splitlines()
    assert [line for line in changed if not line.startswith("A")] == ["M\tworkspace.yaml"]
    added = {line.split("\t")[1] for line in changed if line.startswith("A")}
    assert {name for name in added if not name.startswith(f"{NAME}/")} == {
        f".azure/devops-pipelines/{NAME}-{kind}.yml" for kind in ("tests-ci", "bundle-cicd", "code-location-cicd")
    }
    assert f"{NAME}/{NAME}/databricks.yml" in added


def test_the_project_has_its_own_name_everywhere(project: Path) -> None:
    for file in (project / NAME).rglob("*"):
        assert "my_mlops_stacks" not in str(file.relative_to(project))
        if file.is_file() and file.suffix not in (".png", ".parquet"):
            assert "my_mlops_stacks" not in file.read_text(), file
    bundle = yaml.safe_load((project / NAME / NAME / "databricks.yml").read_text())
    assert bundle["bundle"]["name"] == NAME
    assert bundle["variables"]["schema"]["default"] == NAME
    assert os.access(project / NAME / "scripts" / "setup.sh", os.X_OK)


def test_links_of_its_documents_lead_where_those_of_the_first_lead(project: Path) -> None:
    documents = [file.relative_to(project / NAME) for file in (project / NAME).rglob("*.md")]
    assert Path("docs/mlops-setup.md") not in documents
    assert "](../../docs/mlops-setup.md" in (project / NAME / "docs" / "ml-pull-request.md").read_text()
    for document in documents:
        original = project / str(document).replace(NAME, "my_mlops_stacks")
        assert len(broken(project / NAME / document)) == len(broken(original)), document


def test_both_projects_are_code_locations(project: Path) -> None:
    locations = [
        found["python_module"] for found in yaml.safe_load((project / "workspace.yaml").read_text())["load_from"]
    ]
    before = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert locations[:-1] == [found["python_module"] for found in before]
    assert locations[-1] == {"module_name": f"{NAME}.definitions", "working_directory": NAME, "location_name": NAME}


def test_its_pipelines_are_as_sound_as_those_of_the_first(project: Path) -> None:
    own = [case for case in cases(project / ".azure" / "devops-pipelines") if case.file.name.startswith(NAME)]
    assert len(own) == 10
    rendered = [case.rendered() for case in own]
    assert [text for pipeline in rendered for rule in RULES for text in rule(pipeline)] == []
    assert check_schema(sorted({case.file for case in own})).returncode == 0


def test_it_gets_a_dagster_of_its_own_because_its_assets_have_the_names_of_the_first(project: Path) -> None:
    def places(name: str) -> list[str]:
        file = project / ".azure" / "devops-pipelines" / f"{name}-code-location-cicd.yml"
        rendered = render(file, {"deploymentKind": "kubernetes"})
        variables = [variable for job in jobs(rendered) for variable in job.node.get("variables", [])]
        return [found["value"] for found in variables if found.get("name") == "KUBERNETES_NAMESPACE"]

    assert places(NAME) == [f"dagster-second-of-the-tests-{target}" for target in ("staging", "prod")]
    assert places("my_mlops_stacks") == []
    for file in ("scripts/deploy_code_location.sh", "docs/deployment.md"):
        first, second = (project / file).read_text(), (project / NAME / file).read_text()
        assert re.search(r"\bdagster-\$target\b", first, re.IGNORECASE)
        assert re.search(r"\bdagster-second-of-the-tests-\$target\b", second, re.IGNORECASE)
        assert not re.search(r"\bdagster-(\$target|staging|prod)\b", second, re.IGNORECASE)
    values = yaml.safe_load((project / NAME / "deploy" / "kubernetes" / "dagster-values.yaml").read_text())
    assert values["postgresql"]["postgresqlDatabase"] == NAME


@pytest.fixture(scope="module")
def triggers(project: Path) -> dict[str, list[str]]:
    """Pipeline -> the paths whose change on main starts it."""
    files = (project / ".azure" / "devops-pipelines").glob("*.yml")
    read = {file.stem: yaml.safe_load(file.read_text())["trigger"] for file in files}
    return {name: trigger["paths"]["include"] for name, trigger in read.items() if trigger != "none"}


def starts(triggers: dict[str, list[str]], changed: str) -> set[str]:
    return {name for name, paths in triggers.items() if any(fnmatch(changed, path) for path in paths)}


@pytest.mark.parametrize(
    ("changed", "pipelines"),
    [
        ("my_mlops_stacks/training/train.py", {"my_mlops_stacks-tests-ci", "my_mlops_stacks-code-location-cicd"}),
        (
            "my_mlops_stacks/resources/model-workflow-resource.yml",
            {f"my_mlops_stacks-{kind}" for kind in ("tests-ci", "bundle-cicd", "code-location-cicd")},
        ),
        ("my_mlops_stacks_tests/bundle/test_target.py", {"my_mlops_stacks-tests-ci"}),
        (f"{NAME}/{NAME}/training/train.py", {f"{NAME}-tests-ci", f"{NAME}-code-location-cicd"}),
        (
            f"{NAME}/{NAME}/databricks.yml",
            {f"{NAME}-{kind}" for kind in ("tests-ci", "bundle-cicd", "code-location-cicd")},
        ),
        ("docs/runbook.md", {"my_mlops_stacks-tests-ci"}),
        (".dockerignore", {"my_mlops_stacks-tests-ci", "my_mlops_stacks-code-location-cicd"}),
    ],
)
def test_a_change_starts_the_pipelines_of_its_project_alone(
    triggers: dict[str, list[str]], changed: str, pipelines: set[str]
) -> None:
    assert starts(triggers, changed) == pipelines


def test_every_file_is_tested_when_it_changes(triggers: dict[str, list[str]], proposed: Checkout) -> None:
    files = proposed.git("ls-tree", "-r", "--name-only", BRANCH, folder=proposed.remote).splitlines()
    tested = {name: paths for name, paths in triggers.items() if name.endswith("-tests-ci")}
    assert [file for file in files if not starts(tested, file)] == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Fare-Two", "use 2 to 30 lower-case letters"), ("json", "A Python package is called json already")],
)
def test_a_name_that_cannot_be_a_package_is_refused(fresh: Checkout, name: str, sentence: str) -> None:
    done = fresh.deploy_cicd(name)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_what_goes_wrong_on_the_way_is_one_sentence(proposed: Checkout) -> None:
    refused = proposed.deploy_cicd(SYSTEM_ACCESSTOKEN="of somebody else")
    assert (refused.returncode, "401" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    without = "import os; del os.environ['SYSTEM_TEAMPROJECT']"
    call = "from cicd.__main__ import main; raise SystemExit(main(['fare_three', '--pull-request']))"
    lacking = proposed.python("-c", f"{without}; {call}")
    assert "The environment variable SYSTEM_TEAMPROJECT is missing" in lacking.stderr


def pytest_in(checkout: Checkout, folder: Path, *arguments: str) -> None:
    done = checkout.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, folder=folder)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_tests_of_the_first_project_still_pass(project: Path, proposed: Checkout) -> None:
    """Those that look at the whole repository, and take no second; the others are among the slow ones."""
    files = ("azure/test_pipelines.py", "azure/test_cicd.py", "test_docs.py")
    chosen = "combination_of_parameters or templates_give or link or command"
    pytest_in(proposed, project, *(f"my_mlops_stacks_tests/{file}" for file in files), "-k", chosen)


@pytest.mark.slow
def test_a_third_project_can_be_set_up(proposed: Checkout, tmp_path: Path) -> None:
    """These tests, but for the slow ones and themselves, where a second project is there already."""
    clone = tmp_path / "clone"
    proposed.git("clone", "--quiet", "--branch", BRANCH, str(proposed.remote), str(clone))
    file = clone / "my_mlops_stacks_tests" / "azure" / "test_second_project.py"
    file.write_text(
        file.read_text().replace(f'NAME = "{NAME}"', 'NAME = "third_of_the_tests"').replace("second-of", "third-of")
    )
    pytest_in(proposed, clone, str(file.relative_to(clone)), "-k", "not still_pass")


@pytest.mark.slow
def test_the_tests_of_the_second_project_are_found(project: Path, proposed: Checkout) -> None:
    pytest_in(proposed, project / NAME, "--collect-only", "-m", "slow or not slow")


@pytest.mark.slow
def test_the_tests_of_the_second_project_pass(project: Path, proposed: Checkout) -> None:
    files = (*TESTS_OF_TARGETS, "test_bundle.py", "test_definitions.py", "test_docs.py", "test_doctor.py")
    pytest_in(proposed, project / NAME, *(f"{NAME}_tests/{name}" for name in (*files, "deploy", "ingestion")))
    for command in (("check", "."), ("format", "--check", ".")):
        linted = proposed.python("-m", "ruff", *command, folder=project)
        assert linted.returncode == 0, linted.stdout[-3000:]


@pytest.mark.slow
def test_a_project_moves_to_a_repository_of_its_own(fresh: Checkout, tmp_path: Path) -> None:
    """The commands of the guide: a copy, the archive in it, and its pipelines."""
    own = tmp_path / NAME
    for command in (("cicd", NAME, "--copy-to", str(own)), ("cicd.archive", str(tmp_path / "cicd.tar.gz"))):
        done = fresh.python("-m", *command)
        assert done.returncode == 0, done.stderr
    shutil.unpack_archive(tmp_path / "cicd.tar.gz", own, filter="data")
    fresh.git("init", "--quiet", "--initial-branch", "main", folder=own)
    assert fresh.python("-m", "cicd", NAME, folder=own).returncode == 0
    fresh.git("add", "--all", folder=own)
    assert sorted(file.name for file in (own / ".azure" / "devops-pipelines").glob(f"{NAME}-*.yml")) == [
        f"{NAME}-{kind}.yml" for kind in ("bundle-cicd", "code-location-cicd", "tests-ci")
    ]
    assert [
        text for case in cases(own / ".azure" / "devops-pipelines") for rule in RULES for text in rule(case.rendered())
    ] == []
    pytest_in(
        fresh, own, f"{NAME}_tests/test_docs.py", f"{NAME}_tests/bundle/test_target.py", f"{NAME}_tests/test_bundle.py"
    )


def test_a_copy_has_a_name_that_can_be_one(fresh: Checkout, tmp_path: Path) -> None:
    done = fresh.python("-m", "cicd", "Fare-Two", "--copy-to", str(tmp_path / "copy"))
    assert (done.returncode, "use 2 to 30 lower-case letters" in done.stderr) == (1, True)
    assert not (tmp_path / "copy").exists()


@pytest.mark.slow
def test_dagster_loads_both_code_locations(project: Path, proposed: Checkout, tmp_path: Path) -> None:
    call = ("-m", "dagster", "definitions", "validate", "--workspace", "workspace.yaml")
    done = proposed.python(*call, folder=project, DAGSTER_HOME=str(tmp_path), MLOPS_TARGET="local")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Validation successful for code location my_mlops_stacks" in said
    assert f"Validation successful for code location {NAME}" in said
