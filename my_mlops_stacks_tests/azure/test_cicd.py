"""The templates in cicd/: what they render here, the archive for another repository, and a project that moves there."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from cicd.archive import pack
from cicd.pipelines import render_pipelines
from cicd.project import set_up_project
from my_mlops_stacks_tests.conftest import ROOT

PIPELINES = sorted(render_pipelines("my_mlops_stacks", "."))


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_the_pipelines_here_are_what_the_templates_give(path: Path) -> None:
    """Change the template in cicd/pipelines, then run `python -m cicd my_mlops_stacks`."""
    assert (ROOT / path).read_text() == render_pipelines("my_mlops_stacks", ".")[path]


def test_two_archives_of_the_same_files_are_equal(tmp_path: Path) -> None:
    pack(tmp_path / "first.tar.gz")
    time.sleep(1.1)  # a time in the archive, in seconds, would differ
    pack(tmp_path / "second.tar.gz")
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "second.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "first.tar.gz") as archive:
        entries = archive.getmembers()
    names = [entry.name for entry in entries]
    assert names == sorted(names)
    assert {"cicd/README.md", ".azure/devops-pipelines/README.md"} < set(names)
    assert {(entry.mtime, entry.uid, entry.uname, entry.mode) for entry in entries} == {(0, 0, "", 0o644)}


def test_another_repository_gets_pipelines_from_the_archive(tmp_path: Path) -> None:
    """The polyrepo: a project at the top of a repository of its own."""
    pack(tmp_path / "cicd.tar.gz")
    other = tmp_path / "other"
    (other / "fare_two").mkdir(parents=True)
    (other / "fare_two" / "databricks.yml").write_text("bundle: {name: fare_two}\n")
    with tarfile.open(tmp_path / "cicd.tar.gz") as archive:
        archive.extractall(other, filter="data")
    subprocess.run([sys.executable, "-m", "cicd", "fare_two"], cwd=other, check=True)
    pipeline = yaml.safe_load((other / ".azure" / "devops-pipelines" / "fare_two-tests-ci.yml").read_text())
    assert pipeline["stages"][0]["parameters"]["folder"] == "."
    assert "fare_two/*" in pipeline["trigger"]["paths"]["include"]
    assert (other / ".azure" / "devops-pipelines" / pipeline["stages"][0]["template"]).exists()


def test_a_project_that_is_there_is_not_touched_again(tmp_path: Path) -> None:
    own = tmp_path / "fare_two" / "fare_two"
    own.mkdir(parents=True)
    (own / "databricks.yml").write_text("# ours\n")
    set_up_project(tmp_path, "fare_two")
    first = texts(tmp_path)
    set_up_project(tmp_path, "fare_two")
    assert texts(tmp_path) == first
    assert first["fare_two/fare_two/databricks.yml"] == "# ours\n"
    assert "module_name: fare_two.definitions" in first["workspace.yaml"]


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
