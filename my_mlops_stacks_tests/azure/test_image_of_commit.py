"""Which image a pipeline deploys: of main the one that it builds, of release the one that main built."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from my_mlops_stacks_tests.azure.conftest import Tools


class Repository:
    """A repository with branches main and release, of which main is known to the clone as origin/main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "tester")
        self.git("config", "user.email", "tester@example.com")

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, file: str, text: str) -> str:
        (self.folder / file).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(project: Path) -> Repository:
    return Repository(project)


def image(repository: Repository, tools: Tools, branch: str, earlier: str = "") -> tuple[str | None, str]:
    """The image that the script names, and what it complains of."""
    script = repository.folder / "scripts" / "image_of_commit.sh"
    done = tools.run(script, "my_mlops_stacks", "mlopsregistry", f"refs/heads/{branch}", EARLIER_IMAGE=earlier)
    found = re.findall(r"##vso\[task.setvariable variable=image;isOutput=true\](\S+)", done.stdout)
    return (found[0] if found else None), done.stderr


def test_main_builds_the_image_of_its_commit(repository: Repository, tools: Tools) -> None:
    """By the script that builds images, which first asks the registry: the stand-in says that it has this one."""
    tools.add("az", "docker")
    commit = repository.commit("my_mlops_stacks/model.py", "first")
    expected = f"mlopsregistry.azurecr.io/my_mlops_stacks:{commit}"
    assert image(repository, tools, "main")[0] == expected
    assert tools.calls() == [
        ["az", "acr", "login", "--name", "mlopsregistry"],
        ["docker", "manifest", "inspect", expected],
    ]


@pytest.mark.parametrize("merge", ["--no-ff", "--squash", "--ff-only"])
def test_release_gets_the_image_that_main_built(repository: Repository, tools: Tools, merge: str) -> None:
    first = repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("branch", "release")
    staged = repository.commit("my_mlops_stacks/model.py", "second")
    repository.commit("README.md", "words, for which nothing was built")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", "release")
    repository.git("merge", "--quiet", merge, "main")
    if merge == "--squash":
        repository.git("commit", "--quiet", "--message", "all of main")
    tools.add("az", "docker")
    tools.answer({"az acr repository show-tags": f"latest\n{staged}\n{first}"})
    reference, complaint = image(repository, tools, "release")
    assert reference == f"mlopsregistry.azurecr.io/my_mlops_stacks:{staged}", complaint
    assert {call[0] for call in tools.calls()} == {"az"}


def test_code_that_was_never_on_main_is_not_released(repository: Repository, tools: Tools) -> None:
    staged = repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", "-b", "release")
    repository.commit("my_mlops_stacks/model.py", "a hot fix")
    tools.add("az", "docker")
    tools.answer({"az acr repository show-tags": staged})
    reference, complaint = image(repository, tools, "release")
    assert reference is None
    assert "No image of main holds the code of release" in complaint


def test_an_earlier_image_of_main_is_what_a_rollback_gets(repository: Repository, tools: Tools) -> None:
    first = repository.commit("my_mlops_stacks/model.py", "first")
    repository.commit("my_mlops_stacks/model.py", "second")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    tools.add("az", "docker")
    assert image(repository, tools, "release", first)[0] == f"mlopsregistry.azurecr.io/my_mlops_stacks:{first}"
    assert [call[1:4] for call in tools.calls()] == [["acr", "repository", "show"]]


@pytest.mark.parametrize("earlier", ["0" * 40, "latest", "$(touch here)"])
def test_an_image_that_main_never_made_is_refused(repository: Repository, tools: Tools, earlier: str) -> None:
    repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    tools.add("az", "docker")
    reference, complaint = image(repository, tools, "release", earlier)
    assert reference is None
    assert f"'{earlier}' is no commit of main" in complaint
    assert tools.calls() == []
