"""Which image a pipeline deploys: of main the one that it builds, of release the one that main built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.azure.repository import Repository
from my_mlops_stacks_tests.azure.test_pipelines import named
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.deploy import dockerfile


@pytest.fixture
def repository(project: Path) -> Repository:
    return Repository(project)


def reference(commit: str) -> str:
    """Of the image of a commit, as the stand-in of the registry names its digest."""
    return f"mlopsregistry.azurecr.io/my_mlops_stacks@sha256:{commit}{'0' * 24}"


def image(
    repository: Repository, tools: Tools, branch: str, earlier: str = "", tags: str = ""
) -> tuple[str | None, str]:
    """The image that the script names, and what it complains of, where the registry has `tags`."""
    commits = repository.git("log", "--all", "--format=%H").split()
    show = "az acr repository show --name mlopsregistry --image my_mlops_stacks:"
    digests = {f"{show}{commit}": reference(commit).partition("@")[2] for commit in commits}
    built = {"docker buildx imagetools": f"sha256:{'0' * 64}"}
    tools.answer({"az acr repository show-tags": tags, **built, **digests})
    script = repository.folder / "scripts" / "image_of_commit.sh"
    done = tools.run(script, "my_mlops_stacks", "mlopsregistry", f"refs/heads/{branch}", EARLIER_IMAGE=earlier)
    found = re.findall(r"##vso\[task.setvariable variable=image;isOutput=true\](\S+)", done.stdout)
    return (found[0] if found else None), done.stderr


def code_of_the_image() -> list[str]:
    """What the script compares, of this project."""
    (code,) = re.findall(r"^code=\((.*)\)$", (ROOT / "scripts" / "image_of_commit.sh").read_text(), re.MULTILINE)
    return code.replace('"$project"', "my_mlops_stacks").split()


def test_the_code_of_an_image_is_all_that_it_is_made_of() -> None:
    """A file that is copied and not compared could differ in prod; `.` is what setup.py installs of it."""
    copies = [one for one in dockerfile.instructions(ROOT / "Dockerfile") if one.name == "COPY"]
    copied = {source for copy in copies if "--from" not in copy.text for source in copy.words[:-1]} - {"."}
    made_of = copied | {"mlops_core", "my_mlops_stacks", "Dockerfile", ".dockerignore", "scripts/build_image.sh"}
    assert len(copied) > 5
    code = code_of_the_image()
    assert [one for one in sorted(made_of) if not {one, one.split("/")[0]} & set(code)] == []


@pytest.mark.parametrize("pipeline", ["my_mlops_stacks-tests-ci", "my_mlops_stacks-code-location-cicd"])
def test_every_change_of_an_image_starts_what_deploys_it(pipeline: str) -> None:
    """Main's tests, which start the deployment of staging, and the deployment of prod."""
    paths = {path.removesuffix("/*") for path in named(pipeline).rendered()["trigger"]["paths"]["include"]}
    assert [one for one in code_of_the_image() if not {one, one.split("/")[0]} & paths] == []


def test_main_builds_the_image_of_its_commit(repository: Repository, tools: Tools) -> None:
    """By the script that builds images, which first asks the registry: the stand-in says that it has this one."""
    tools.add("az", "docker")
    commit = repository.commit("my_mlops_stacks/model.py", "first")
    tag = f"my_mlops_stacks:{commit}"
    assert image(repository, tools, "main")[0] == reference(commit)
    login, asked, _, locked, named = [call for call in tools.calls() if "show-tags" not in call]
    assert login == ["az", "acr", "login", "--name", "mlopsregistry"]
    assert asked == ["docker", "manifest", "inspect", f"mlopsregistry.azurecr.io/{tag}"]
    assert " ".join(locked).startswith(
        f"az acr repository update --name mlopsregistry --image {tag} --write-enabled false"
    )
    assert named[1:4] == ["acr", "repository", "show"]


def test_an_image_whose_digest_the_registry_does_not_say_is_not_deployed(repository: Repository, tools: Tools) -> None:
    tools.add("az", "docker")
    commit = repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    script = repository.folder / "scripts" / "image_of_commit.sh"
    tools.answer({"az acr repository show-tags": commit, "az acr repository show --name": "latest"})
    done = tools.run(script, "my_mlops_stacks", "mlopsregistry", "refs/heads/main")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The registry mlopsregistry names no digest of my_mlops_stacks:{commit}, but 'latest'.\n"


@pytest.mark.parametrize("merge", ["--no-ff", "--squash", "--ff-only"])
def test_release_gets_the_image_that_main_built(repository: Repository, tools: Tools, merge: str) -> None:
    first = repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("branch", "release")
    staged = repository.commit("my_mlops_stacks/model.py", "second")
    repository.commit("my_mlops_stacks/README.md", "words, for which nothing was built")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", "release")
    repository.git("merge", "--quiet", merge, "main")
    if merge == "--squash":
        repository.git("commit", "--quiet", "--message", "all of main")
    tools.add("az", "docker")
    repository.git("tag", "v1")
    tags = f"latest\nmain\nHEAD\nv1\n{staged}\n{first}"
    found, complaint = image(repository, tools, "release", tags=tags)
    assert found == reference(staged), complaint
    assert {call[0] for call in tools.calls()} == {"az"}


def test_a_merge_of_tests_alone_gets_the_image_that_is_there(repository: Repository, tools: Tools) -> None:
    """A new one would restart the code server, and with compose end the runs that are under way."""
    built = repository.commit("my_mlops_stacks/model.py", "first")
    repository.commit("my_mlops_stacks_tests/test_model.py", "second")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    tools.add("az", "docker")
    tags = built
    assert image(repository, tools, "main", tags=tags)[0] == reference(built)
    assert {call[0] for call in tools.calls()} == {"az"}


def test_a_run_that_is_started_again_does_not_follow_a_later_one(repository: Repository, tools: Tools) -> None:
    first = repository.commit("my_mlops_stacks/model.py", "first")
    second = repository.commit("my_mlops_stacks/model.py", "second")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", first)
    tools.add("az", "docker")
    tags = f"{second}\n{first}"
    found, complaint = image(repository, tools, "main", tags=tags)
    said = f"Main has an image of {second}, which is later than this commit: start a new run, not this one again.\n"
    assert (found, complaint) == (None, said)
    assert image(repository, tools, "main", first, tags)[0] == reference(first)


def test_code_that_was_never_on_main_is_not_released(repository: Repository, tools: Tools) -> None:
    staged = repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", "-b", "release")
    repository.commit("my_mlops_stacks/model.py", "a hot fix")
    tools.add("az", "docker")
    tags = staged
    found, complaint = image(repository, tools, "release", tags=tags)
    assert found is None
    assert "No image of main holds the code of release" in complaint


def test_an_earlier_image_of_main_is_what_a_rollback_gets(repository: Repository, tools: Tools) -> None:
    first = repository.commit("my_mlops_stacks/model.py", "first")
    repository.commit("my_mlops_stacks/model.py", "second")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    tools.add("az", "docker")
    assert image(repository, tools, "release", first)[0] == reference(first)
    assert [call[1:4] for call in tools.calls()] == [["acr", "repository", "update"], ["acr", "repository", "show"]]


@pytest.mark.parametrize("earlier", ["0" * 40, "latest", "main", "HEAD", "v1", "origin/main", "$(touch here)"])
def test_an_image_that_main_never_made_is_refused(repository: Repository, tools: Tools, earlier: str) -> None:
    repository.commit("my_mlops_stacks/model.py", "first")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    tools.add("az", "docker")
    found, complaint = image(repository, tools, "release", earlier)
    assert found is None
    assert f"'{earlier}' is no commit of main" in complaint
    assert tools.calls() == []
