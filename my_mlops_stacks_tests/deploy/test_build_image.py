"""scripts/build_image.sh, with a stand-in for docker, in a repository of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from my_mlops_stacks_tests.deploy.conftest import ROOT, Shell

REGISTRY = "registry.example.com"
PROJECT = "churn"
DIGEST = f"sha256:{'a' * 64}"
MISSING = "no such manifest: registry.example.com/churn"


@pytest.fixture
def commit(shell: Shell, tmp_path: Path) -> str:
    """The commit of a repository that holds the script."""
    shell.root = tmp_path / "repository"
    (shell.root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "build_image.sh", shell.root / "scripts")
    (shell.root / PROJECT).mkdir()
    (shell.root / PROJECT / "databricks.yml").write_text("bundle: {name: churn}\n")
    _git(shell.root, "init", "--quiet")
    _git(shell.root, "add", ".")
    _git(shell.root, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "first")
    (shell.notes / "docker_buildx_prints").write_text(DIGEST)
    return _git(shell.root, "rev-parse", "HEAD")


def test_an_image_of_the_commit_is_built_and_pushed(shell: Shell, commit: str) -> None:
    reference = f"{REGISTRY}/{PROJECT}:{commit}"
    shell.let_fail("docker_manifest", MISSING)
    (shell.root / PROJECT / "token.txt").write_text("lies around")
    done = shell.run("build_image.sh", PROJECT, f"{REGISTRY}/", commit)
    assert done.returncode == 0, done.stderr
    asked, built, pushed, named = shell.calls
    assert asked == ["docker", "manifest", "inspect", reference]
    assert built[:4] == ["docker", "build", "--platform", "linux/amd64"]
    assert f"GIT_COMMIT={commit}" in built
    assert f"PROJECT={PROJECT}" in built
    assert f"IMAGE={reference}" in built
    assert built[-2] == reference
    tracked = ["churn/databricks.yml", "scripts/build_image.sh"]
    assert (shell.notes / "docker.context").read_text().splitlines() == tracked
    assert not Path(built[-1]).exists()
    assert pushed == ["docker", "push", reference]
    assert named == ["docker", "buildx", "imagetools", "inspect", reference, "--format", "{{.Manifest.Digest}}"]
    assert done.stdout.splitlines()[-1] == f"{REGISTRY}/{PROJECT}@{DIGEST}"


@pytest.mark.parametrize("command", ["build", "push"])
def test_a_failed_build_prints_no_reference(shell: Shell, commit: str, command: str) -> None:
    shell.let_fail("docker_manifest", MISSING)
    shell.let_fail(f"docker_{command}")
    failed = shell.run("build_image.sh", PROJECT, REGISTRY, commit)
    assert failed.returncode == 1
    assert REGISTRY not in failed.stdout


def test_a_registry_that_does_not_answer_gets_no_image(shell: Shell, commit: str) -> None:
    """It might be there, and was tested as it is."""
    shell.let_fail("docker_manifest", "unauthorized: authentication required")
    refused = shell.run("build_image.sh", PROJECT, REGISTRY, commit)
    assert refused.returncode == 1
    assert [call[1] for call in shell.calls] == ["manifest"]
    assert refused.stderr.startswith("The registry does not say whether it has registry.example.com/churn:")
    assert "unauthorized: authentication required" in refused.stderr


def test_an_image_that_is_there_is_not_built_again(shell: Shell, commit: str) -> None:
    done = shell.run("build_image.sh", PROJECT, REGISTRY, commit)
    assert [call[1] for call in shell.calls] == ["manifest", "buildx"]
    assert done.stdout.splitlines()[-1] == f"{REGISTRY}/{PROJECT}@{DIGEST}"


@pytest.mark.parametrize("said", ["", "sha256:0123", "<no value>"])
def test_an_image_without_a_digest_is_not_named(shell: Shell, commit: str, said: str) -> None:
    (shell.notes / "docker_buildx_prints").write_text(said)
    failed = shell.run("build_image.sh", PROJECT, REGISTRY, commit)
    assert (failed.returncode, failed.stderr) == (
        1,
        f"The registry names no digest of {REGISTRY}/{PROJECT}:{commit}, but '{said}'.\n",
    )
    assert REGISTRY not in failed.stdout


def test_files_that_are_not_of_the_commit_are_not_built(shell: Shell, commit: str) -> None:
    with (shell.root / "scripts" / "build_image.sh").open("a") as script:
        script.write("# changed\n")
    refused = shell.run("build_image.sh", PROJECT, REGISTRY, commit)
    assert refused.returncode == 1
    assert f"The files differ from commit {commit}" in refused.stderr
    assert not shell.calls


@pytest.mark.parametrize(
    "arguments", [(), (PROJECT, REGISTRY), (PROJECT, REGISTRY, "main"), (PROJECT, REGISTRY, "0123abc")]
)
def test_arguments_that_say_no_commit_are_refused_in_a_sentence(
    shell: Shell, commit: str, arguments: tuple[str, ...]
) -> None:
    assert commit
    refused = shell.run("build_image.sh", *arguments)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "git rev-parse HEAD" in refused.stderr


@pytest.mark.parametrize("name", ["", "docs", "nobody"])
def test_a_project_that_does_not_exist_is_refused_in_a_sentence(shell: Shell, commit: str, name: str) -> None:
    refused = shell.run("build_image.sh", name, REGISTRY, commit)
    assert (refused.returncode, shell.calls) == (1, [])
    assert refused.stderr.startswith(f"There is no project '{name}' here")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
