"""Another project beside the example: commands choose it, lint holds it to the contracts, set-up packages it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from my_mlops_stacks_tests.repository import copy_files

FILES = {
    "__init__.py": "",
    "databricks.yml": "bundle: {name: churn}\n",
    "requirements.txt": "dagster==1.13.27\n",
    "resources/model-workflow-resource.yml": "resources: {}\n",
    "definitions.py": "import churn.project\n",
    "project.py": "from churn.training.train import MODEL\n",
    "ingestion/accounts.py": "ACCOUNTS = 1\n",
    "training/train.py": "from churn.ingestion.accounts import ACCOUNTS\n\nMODEL = ACCOUNTS\n",
    "validation/validation.py": "THRESHOLDS = ()\n",
}
"""A project as the template makes it, but for what its files say: folders without an __init__.py."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    copy_files(tmp_path)
    for name, text in FILES.items():
        (tmp_path / "churn" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "churn" / name).write_text(text)
    return tmp_path


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "PROJECT"} | variables
    command = ["make", "--dry-run", "--assume-old", ".venv/.ready", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


needs_make = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


@needs_make
@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["run"], "-m my_mlops_stacks"),
        (["run", "PROJECT=churn"], "-m churn"),
        (["dev", "PROJECT=churn"], "-m churn dev"),
        (["demo-drift", "PROJECT=churn"], "-m churn demo-drift"),
        (["doctor", "PROJECT=churn", "TARGET=prod"], "-m churn doctor --target prod"),
        (["smoke", "PROJECT=churn"], "-m churn smoke"),
        (["test"], "-m pytest -n 3 --dist worksteal"),
        (["test", "PROJECT=churn"], "-m pytest churn_tests -n 3 --dist worksteal"),
        (["test", "PROJECT=my_mlops_stacks"], "-m pytest my_mlops_stacks_tests -n 3 --dist worksteal"),
        (
            ["update-project", "PROJECT=churn"],
            "update --defaults --vcs-ref HEAD --answers-file churn/.copier-answers.yml",
        ),
    ],
)
def test_a_command_is_for_the_project_that_it_names(repository: Path, arguments: list[str], command: str) -> None:
    shown = [" ".join(line.split()) for line in make(repository, *arguments).stdout.splitlines()]
    assert any(line.endswith(command) for line in shown)


@needs_make
@pytest.mark.parametrize("command", ["run", "test", "doctor", "dev"])
@pytest.mark.parametrize("name", ["nobody", "docs", "", "%", "churn my_mlops_stacks x"])
def test_a_project_that_does_not_exist_is_one_sentence(repository: Path, command: str, name: str) -> None:
    done = make(repository, command, f"PROJECT={name}")
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert f'There is no project "{name}" here: name one of churn my_mlops_stacks' in sentence
    assert make(repository, command, PROJECT=name).returncode == 2  # of the environment


@needs_make
def test_lint_looks_at_every_project(repository: Path) -> None:
    shown = make(repository, "lint").stdout
    assert "mypy -p mlops_core -p churn -p my_mlops_stacks" in shown
    assert "scripts/lint_imports.py" in shown


def contracts(repository: Path) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(repository)}
    call = [sys.executable, "scripts/lint_imports.py"]
    return subprocess.run(call, cwd=repository, env=environ, capture_output=True, text=True, check=False)


def test_imports_of_a_project_that_keep_the_contracts_pass(repository: Path) -> None:
    done = contracts(repository)
    assert done.returncode == 0, done.stdout
    assert "Imports of churn point one way KEPT" in done.stdout
    assert "Imports of my_mlops_stacks point one way KEPT" in done.stdout


@pytest.mark.parametrize(
    ("file", "imported", "contract"),
    [
        ("churn/validation/validation.py", "churn.training.train", "Imports of churn point one way"),
        ("churn/training/train.py", "churn.validation.validation", "Imports of churn point one way"),
        ("churn/ingestion/accounts.py", "churn.project", "Imports of churn point one way"),
        ("churn/ingestion/accounts.py", "dagster", "The declarations of churn do not know Dagster"),
        ("mlops_core/day_axis.py", "churn.training.train", "The machinery does not import churn"),
        ("mlops_core/day_axis.py", "my_mlops_stacks.project", "The machinery does not import my_mlops_stacks"),
    ],
)
def test_an_import_that_breaks_a_contract_is_found(repository: Path, file: str, imported: str, contract: str) -> None:
    text = (repository / file).read_text()
    (repository / file).write_text(f"{text}\nimport {imported}\n")
    done = contracts(repository)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


def test_the_packages_are_the_machinery_and_the_projects(repository: Path) -> None:
    """And no other folder that lies around."""
    (repository / "data").mkdir()
    (repository / "data" / "scratch.py").write_text("")
    subprocess.run([sys.executable, "setup.py", "--quiet", "build"], cwd=repository, check=True, capture_output=True)
    installed = repository / "build" / "lib"
    assert sorted(folder.name for folder in installed.iterdir()) == ["churn", "mlops_core", "my_mlops_stacks"]
    own = {file.relative_to(installed / "churn").as_posix() for file in (installed / "churn").rglob("*.*")}
    assert own == set(FILES)
