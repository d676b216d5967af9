"""The pipelines of projects: what the template renders, the archive, and a repository that has the archive alone."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tarfile
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import yaml

from cicd.archive import pack
from cicd.azure_devops.client import AzureDevOpsError
from cicd.pipelines import FOLDER, MARKERS, pipelines_of
from cicd.pull_request import AzureRepos
from cicd.set_up import ProjectError, check_name, set_up_project
from my_mlops_stacks_tests.azure import pull_requests
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import files

EXAMPLE, SECOND = "my_mlops_stacks", "churn"
KINDS = ("bundle-cicd", "code-location-cicd", "tests-ci")


@pytest.mark.parametrize("path", sorted(pipelines_of(EXAMPLE, ROOT)), ids=lambda path: path.name)
def test_the_pipelines_of_the_example_are_what_the_template_renders(path: Path) -> None:
    """Change the file in template/.azure/devops-pipelines, then run `python -m cicd my_mlops_stacks`."""
    assert (ROOT / path).read_text() == pipelines_of(EXAMPLE, ROOT)[path]


def test_copier_renders_the_same_pipelines() -> None:
    assert yaml.safe_load((ROOT / "copier.yml").read_text())["_envops"] == MARKERS


@cache
def paths(key: str) -> dict[str, dict[str, list[str]]]:
    """Pipeline of two projects -> the paths whose change starts it, under `trigger` (a push) or `pr`."""
    found = {**pipelines_of(EXAMPLE, ROOT), **pipelines_of(SECOND, ROOT)}
    parsed = {path.stem: yaml.safe_load(text)[key] for path, text in found.items()}
    return {name: said["paths"] for name, said in parsed.items() if said != "none"}


def starts(changed: str, key: str = "trigger") -> set[str]:
    def fits(patterns: list[str]) -> bool:
        return any(fnmatch(changed, pattern) for pattern in patterns)

    return {name for name, said in paths(key).items() if fits(said["include"]) and not fits(said.get("exclude", []))}


def of(project: str, *kinds: str) -> set[str]:
    return {f"{project}-{kind}" for kind in kinds or KINDS}


@pytest.mark.parametrize(
    ("changed", "pipelines"),
    [
        ("my_mlops_stacks/training/train.py", of(EXAMPLE, "tests-ci", "code-location-cicd")),
        ("my_mlops_stacks/resources/model-workflow-resource.yml", of(EXAMPLE)),
        ("my_mlops_stacks_tests/bundle/test_target.py", of(EXAMPLE, "tests-ci")),
        ("churn/training/train.py", of(SECOND, "tests-ci", "code-location-cicd")),
        ("churn/databricks.yml", of(SECOND)),
        ("churn_tests/test_model.py", of(SECOND, "tests-ci")),
        ("docs/runbook.md", set()),
        ("my_mlops_stacks/training/README.md", set()),
        ("mlops_core_tests/conftest.py", of(EXAMPLE, "tests-ci")),
        ("mlops_core/defs/jobs.py", of(EXAMPLE, *KINDS[1:]) | of(SECOND, *KINDS[1:])),
        ("setup.py", of(EXAMPLE, *KINDS[1:]) | of(SECOND, *KINDS[1:])),
        (".dockerignore", of(EXAMPLE, *KINDS[1:]) | of(SECOND, *KINDS[1:])),
        ("scripts/bundle.sh", of(EXAMPLE) | of(SECOND)),
    ],
)
def test_a_change_starts_the_pipelines_of_what_it_concerns(changed: str, pipelines: set[str]) -> None:
    assert starts(changed) == pipelines


def test_every_file_is_tested_when_it_changes() -> None:
    """As a pull request; after the merge, unless it is of docs alone, which the night tests."""
    tests = of(EXAMPLE, "tests-ci")
    assert [file for file in files() if not starts(file, "pr") & tests] == []
    assert {Path(file).suffix for file in files() if not starts(file) & tests} <= {".md", ".png", ".svg"}


def test_a_further_project_is_tested_alone_and_the_example_with_everything() -> None:
    def stages(project: str) -> dict:
        return yaml.safe_load(pipelines_of(project, ROOT)[FOLDER / f"{project}-tests-ci.yml"])

    assert stages(EXAMPLE)["stages"][0]["parameters"]["wholeRepository"] is True
    assert stages(SECOND)["stages"][0]["parameters"]["wholeRepository"] is False
    assert ("schedules" in stages(EXAMPLE), "schedules" in stages(SECOND)) == (True, False)


def test_the_archive_is_that_of_its_sources(tmp_path: Path) -> None:
    """`make cicd.tar.gz` packs it: the same files give the same bytes, but for what another zlib makes of them."""
    for name in ("first", "second"):
        pack(tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    committed = gzip.decompress((ROOT / "cicd.tar.gz").read_bytes())
    assert gzip.decompress((tmp_path / "first").read_bytes()) == committed
    with tarfile.open(ROOT / "cicd.tar.gz") as archive:
        entries = archive.getmembers()
    names = [entry.name for entry in entries]
    assert names == sorted(names)
    assert {"cicd/set_up.py", ".azure/devops-pipelines/templates/set-up.yml"} < set(names)
    assert {(entry.mtime, entry.uid, entry.uname, entry.mode) for entry in entries} == {(0, 0, "", 0o644)}


def test_a_repository_with_the_archive_alone_gets_pipelines(tmp_path: Path) -> None:
    repository, unpacked = tmp_path / "repository", tmp_path / "unpacked"
    (repository / SECOND).mkdir(parents=True)
    (repository / SECOND / "databricks.yml").write_text("# ours\n")
    with tarfile.open(ROOT / "cicd.tar.gz") as archive:
        archive.extractall(unpacked, filter="data")
    call = [sys.executable, "-m", "cicd", SECOND]
    for _ in range(2):
        environ = os.environ | {"PYTHONPATH": str(unpacked)}
        subprocess.run(call, cwd=repository, env=environ, check=True)
    own = texts(repository)
    assert own.pop(f"{SECOND}/databricks.yml") == "# ours\n"
    assert f"module_name: {SECOND}.definitions" in own.pop("workspace.yaml")
    assert {name for name in own if "/templates/" not in name} == {
        f"{FOLDER}/{name}"
        for name in (*(f"{SECOND}-{kind}.yml" for kind in (*KINDS, "promotion-cd")), "README.md", "deploy-cicd.yml")
    }
    for name in KINDS:
        pipeline = yaml.safe_load(own[f"{FOLDER}/{SECOND}-{name}.yml"])
        assert (repository / FOLDER / pipeline["stages"][0]["template"]).exists()


@pytest.mark.parametrize("name", ["", "class", "Churn", "1st", "a", "a" * 31, "churn/x", "..", "chürn", "a b", "x\n"])
def test_a_name_that_can_name_no_package_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="The project's name is .*: use 2 to 30 lower-case letters"):
        check_name(name)
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-m", "cicd", name]
    done = subprocess.run(call, cwd=tmp_path, env=environ, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n"), list(tmp_path.iterdir())) == (1, 1, [])


@pytest.mark.parametrize("link", [EXAMPLE, ".azure", ".azure/devops-pipelines", "workspace.yaml", "deploy"])
def test_nothing_is_written_through_a_link_out_of_the_repository(tmp_path: Path, link: str) -> None:
    outside, root = tmp_path / "outside", tmp_path / "repository"
    (outside / "kubernetes").mkdir(parents=True)
    (outside / "databricks.yml").touch()
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(ProjectError, match=r"out of the repository: remove the link\.$"):
        set_up_project(root, EXAMPLE)
    assert sorted(outside.rglob("*")) == before
    assert [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink()] == [link]


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(ProjectError, match="docs is a folder that is no project"):
        set_up_project(tmp_path, "docs")
    with pytest.raises(ProjectError, match="This repository can't make the project churn"):
        set_up_project(tmp_path, "churn")
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_the_webserver_on_kubernetes_finds_a_further_project(tmp_path: Path) -> None:
    values = tmp_path / "deploy" / "kubernetes" / "dagster-values.yaml"
    values.parent.mkdir(parents=True)
    values.write_text((ROOT / "deploy" / "kubernetes" / "dagster-values.yaml").read_text())
    for name in ("late_flights", "late_flights", "churn"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "databricks.yml").touch()
        set_up_project(tmp_path, name)
    servers = yaml.safe_load(values.read_text())["dagsterWebserver"]["workspace"]["servers"]
    assert servers[-2:] == [
        {"host": "late-flights", "port": 4000, "name": "late_flights"},
        {"host": "churn", "port": 4000, "name": "churn"},
    ]
    assert len(servers) == 3


def texts(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ([{"count": 0}], "GET .*/pullrequests was answered without value: see whether"),
        ([[]], "GET .*/pullrequests was answered without value"),
        ([{"value": [{"status": "active"}]}], "GET .*/pullrequests was answered without pullRequestId"),
        ([{"value": []}, None], "POST .*/pullrequests was answered without pullRequestId"),
    ],
)
def test_an_answer_that_lacks_something_is_told_by_its_call(odd: list[object], said: str) -> None:
    with pull_requests.served() as azure:
        azure.odd = odd
        with pytest.raises(AzureDevOpsError, match=said):
            AzureRepos.of(azure.environment).ensure_pull_request("cicd/churn", "Set up churn", "")
        for name in azure.environment:
            with pytest.raises(AzureDevOpsError, match=f"The environment variable {name} is missing"):
                AzureRepos.of({**azure.environment, name: ""})
