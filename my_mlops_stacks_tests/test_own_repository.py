"""A project in a repository of its own: whole or not at all, and it passes its own `make lint test` there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from cicd.pipelines import pipelines_of
from mlops_core.cli.new.own_repository import copy_repository, new_repository
from mlops_core.cli.new.render import RenderError, render
from mlops_core_tests.cli.new.parcels import parcels
from my_mlops_stacks_tests.azure.pull_requests import served
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import copy_files
from my_mlops_stacks_tests.test_docs import broken

EXAMPLE = re.compile(r"my[-_]mlops[-_]stacks(?!\.historyKeptSince|-step-launcher)|\b(taxis?|trips?|fares?)\b", re.I)
PRODUCT_NAMES = ("mlops_core/", "cicd.tar.gz", ".git/")
"""Where the first project's name is that of a product, or part of an archive."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this repository with a project of parcels."""
    folder = tmp_path_factory.mktemp("root")
    copy_files(folder)
    render(parcels(), folder)
    return folder


@pytest.fixture(scope="module")
def own(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "churn"
    copy_repository(root, "churn", folder)
    return folder


@pytest.fixture(scope="module")
def by_wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel") / "churn"
    copy_repository(root, "churn", folder, wheel=True)
    return folder


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_it_has_the_project_the_machinery_and_what_its_commands_need(own: Path, root: Path) -> None:
    found = {name for name in names(own) if not name.startswith(".git/")}
    for package in ("churn", "churn_tests", "mlops_core"):
        assert {name for name in names(root) if name.startswith(f"{package}/")} <= found
    tops = {name.split("/")[0] for name in found}
    assert tops - {"churn", "churn_tests", "mlops_core"} == {
        *("README.md", "LICENSE", "Makefile", "setup.py", "setup.cfg", "pyproject.toml", "constraints.txt"),
        *("Dockerfile", ".dockerignore", ".gitignore", ".ci", ".azure", "cicd.tar.gz", "scripts", "deploy"),
        *("dagster.local.yaml", "workspace.yaml"),
    }
    assert os.access(own / ".ci" / "run", os.X_OK)
    assert os.access(own / "scripts" / "setup.sh", os.X_OK)


def test_nothing_of_the_example_is_in_it(own: Path, by_wheel: Path) -> None:
    for folder in (own, by_wheel):
        said = {
            name: found[0]
            for name in names(folder)
            if not name.startswith(PRODUCT_NAMES) and (found := EXAMPLE.search((folder / name).read_text()))
        }
        assert said == {}


def test_its_pipelines_code_location_and_code_server_are_its_own(own: Path) -> None:
    for path, text in pipelines_of("churn", own).items():
        assert (own / path).read_text() == text
    assert (own / ".azure" / "devops-pipelines" / "templates" / "tests-stages.yml").exists()
    assert (own / "workspace.yaml").read_text().count("python_module") == 1
    values = (own / "deploy" / "kubernetes" / "dagster-values.yaml").read_text()
    assert re.findall(r"- \{ host: .*", values) == ["- { host: churn, port: 4000, name: churn }"]


def test_links_of_its_documents_lead_somewhere(own: Path, by_wheel: Path) -> None:
    for folder in (own, by_wheel):
        assert {document: broken(document) for document in folder.rglob("*.md") if broken(document)} == {}


def test_its_pipeline_completes_what_it_lacks_from_the_archive(own: Path, tmp_path: Path) -> None:
    """There is no folder cicd/ in it."""
    clone, remote = tmp_path / "clone", tmp_path / "remote.git"
    shutil.copytree(own, clone)
    shutil.rmtree(clone / ".azure")
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    for command in (("add", "--all"), (*author, "commit", "--quiet", "--message", "first")):
        subprocess.run(["git", *command], cwd=clone, check=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", clone, remote], check=True)
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=clone, check=True)
    (clone / ".venv").symlink_to(sys.prefix)
    with served() as pull_requests:
        environ = {**os.environ, **pull_requests.environment, "PROJECT_NAME": "churn"} | {"PYTHONPATH": str(clone)}
        call = [clone / "scripts" / "deploy_cicd.sh"]
        done = subprocess.run(call, env=environ, check=False, capture_output=True, text=True)
    assert "pullrequest/1" in done.stdout, done.stderr
    listed = subprocess.run(["git", "ls-tree", "-r", "cicd/churn"], cwd=remote, check=True, capture_output=True)
    assert {name for name in names(own) if name.startswith(".azure/")} <= set(listed.stdout.decode().split())


def test_with_a_wheel_it_depends_on_the_machinery_instead(by_wheel: Path, own: Path) -> None:
    assert not (by_wheel / "mlops_core").exists()
    text = (by_wheel / "setup.cfg").read_text()
    assert re.search(r"^install_requires =\n    mlops_core==0\.1\.0\n\n", text, re.MULTILINE)
    assert "dev =\n    check-jsonschema" in text
    assert "entry_points" not in text  # the wheel has them
    assert {name for name in names(own) - names(by_wheel) if not name.startswith((".git/", "mlops_core/"))} == set()


def test_a_folder_with_files_is_refused_and_an_empty_one_taken(root: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(RenderError, match=f"{name} exists and is no empty folder: name a new one"):
            copy_repository(root, "churn", tmp_path / name)
    assert names(tmp_path) == {"full/mine.txt", "file"}
    (tmp_path / "empty").mkdir()
    copy_repository(root, "churn", tmp_path / "empty")
    assert (tmp_path / "empty" / "churn" / "project.py").exists()


@pytest.mark.parametrize("missing", ["scripts", "Makefile", "cicd.tar.gz"])
def test_what_cannot_be_whole_is_not_made(root: Path, tmp_path: Path, missing: str) -> None:
    broken_root = tmp_path / "root"
    shutil.copytree(root, broken_root)
    path = broken_root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(RenderError, match="could not be made, so nothing was"):
        copy_repository(broken_root, "churn", tmp_path / "beside" / "churn")
    assert list((tmp_path / "beside").iterdir()) == []
    with pytest.raises(RenderError, match="There is no project nobody in"):
        copy_repository(root, "nobody", tmp_path / "beside" / "nobody")


def test_it_says_where_the_template_is_and_no_token(tmp_path: Path) -> None:
    folder, template = tmp_path / "own", tmp_path / "template"
    copy_files(template)
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    address = "https://build:t0ken@dev.azure.com/acme/mlops/_git/template"
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        (*author, "commit", "--quiet", "--message", "first"),
        ("remote", "add", "origin", address),
    ):
        subprocess.run(["git", *command], cwd=template, check=True)
    new_repository(parcels(), template, folder)
    for name in ("README.md", "churn/.copier-answers.yml"):
        text = (folder / name).read_text()
        assert "https://dev.azure.com/acme/mlops/_git/template" in text
        assert "t0ken" not in text
    assert "t0ken" not in (folder / ".git" / "config").read_text()


def test_the_command_makes_it_there_and_leaves_nothing_here(root: Path, tmp_path: Path) -> None:
    before = names(root)
    rows = tmp_path / "rows.csv"
    made = new_repository(parcels(project="depots", source=str(rows)), root, tmp_path / "depots")
    assert Path("depots/project.py") in made
    assert str(root) in (tmp_path / "depots" / "depots" / ".copier-answers.yml").read_text()
    call = [sys.executable, "-m", "mlops_core.cli.new", "parts", "--yes", "--toy", "--root", str(root), "--copy-to"]
    done = subprocess.run([*call, tmp_path / "parts"], check=True, capture_output=True, text=True)
    assert done.stdout.rstrip().endswith(f"Next: cd {tmp_path / 'parts'} && make run")
    assert (tmp_path / "parts" / "parts" / "project.py").exists()
    refused = subprocess.run([*call, tmp_path / "parts"], check=False, capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.strip() == f"{tmp_path / 'parts'} exists and is no empty folder: name a new one."
    alone = subprocess.run([*call[:-1], "--wheel"], check=False, capture_output=True, text=True)
    assert alone.stderr.strip() == "--wheel is for a repository of its own: name its folder with --copy-to."
    assert names(root) == before


def test_the_wheel_is_the_machinery_alone_and_can_be_imported(tmp_path: Path) -> None:
    python = with_wheel(tmp_path / "venv", tmp_path / "dist")
    call = "import mlops_core.defs.definitions as made, importlib.util as u; print(made.__file__, u.find_spec('cicd'))"
    done = subprocess.run([python, "-I", "-c", call], cwd=tmp_path, check=True, capture_output=True, text=True)
    file, spec = done.stdout.split()
    assert Path(file).is_relative_to(tmp_path / "venv")
    assert spec == "None"
    package = Path(file).parents[1]
    assert (package / "py.typed").exists()
    assert list(package.glob("*/templates/*.j2"))


def with_wheel(venv: Path, dist: Path) -> Path:
    """The Python of a new environment with the wheel; its dependencies are those of this one."""
    subprocess.run([sys.executable, "scripts/build_wheel.py", dist], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = dist.glob("mlops_core-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    folder = next(venv.glob("lib/*/site-packages"))
    shutil.unpack_archive(wheel, folder, "zip")
    (folder / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return venv / "bin" / "python"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize("wheel", [False, True], ids=["machinery inside", "machinery as a wheel"])
def test_it_passes_its_tests_alone(request: pytest.FixtureRequest, tmp_path: Path, wheel: bool) -> None:
    folder = request.getfixturevalue("by_wheel" if wheel else "own")
    venv = with_wheel(tmp_path / "venv", tmp_path / "dist").parents[1] if wheel else Path(sys.prefix)
    (folder / ".venv").symlink_to(venv)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "DAGSTER_HOME"))}
    call = ["make", "--assume-old", ".venv/.ready", "test"]
    done = subprocess.run(call, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"\d+ passed", done.stdout)
