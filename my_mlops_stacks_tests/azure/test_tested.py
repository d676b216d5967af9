"""What counts as words alone, and which commits of main are not deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.azure.repository import Repository


@pytest.fixture
def repository(project: Path) -> Repository:
    return Repository(project)


def answer(repository: Repository, tools: Tools, commit: str, branch: str = "main") -> tuple[int, str]:
    script = repository.folder / "scripts" / "tested.sh"
    done = tools.run(script, f"refs/heads/{branch}", TESTED_COMMIT=commit)
    return done.returncode, done.stderr


def test_a_commit_goes_on_when_its_tests_or_those_of_the_same_code_have_passed(
    repository: Repository, tools: Tools
) -> None:
    first = repository.commit("my_mlops_stacks/model.py", "first")
    assert answer(repository, tools, first) == (0, "")
    for file in ("README.md", "docs/runbook.md", "docs/images/graph.png", "my_mlops_stacks/training/README.md"):
        repository.commit(file, "words")
        assert answer(repository, tools, first) == (0, ""), file


def test_a_red_main_is_not_deployed(repository: Repository, tools: Tools) -> None:
    green = repository.commit("my_mlops_stacks/model.py", "green")
    red = repository.commit("my_mlops_stacks/docs.py", "red")
    code, said = answer(repository, tools, green)
    assert (code, said.count("\n")) == (1, 1)
    assert f"passed {green}, and not {red}" in said
    assert answer(repository, tools, green, branch="release") == (0, "")


@pytest.mark.parametrize("unset", ["", "$(resources.pipeline.tests.sourceCommit)"])
def test_a_main_that_was_never_tested_is_not_deployed(repository: Repository, tools: Tools, unset: str) -> None:
    repository.commit("my_mlops_stacks/model.py", "first")
    code, said = answer(repository, tools, unset)
    assert code == 1
    assert said.startswith("No tests of main have succeeded yet")


def test_tests_of_a_later_commit_say_nothing_of_this_one(repository: Repository, tools: Tools) -> None:
    repository.commit("my_mlops_stacks/model.py", "first")
    later = repository.commit("my_mlops_stacks/model.py", "second")
    repository.git("checkout", "--quiet", "HEAD^")
    assert answer(repository, tools, later)[0] == 1
