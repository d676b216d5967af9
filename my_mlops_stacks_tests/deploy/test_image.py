"""The image without a Docker engine: what its Dockerfile says, and its own command and health check as processes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster._grpc.client import DagsterGrpcClient

from mlops_core.adapters.doctor.compute import versions_of
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.config import load_target
from mlops_core_tests.ports import free_port
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.deploy import dockerfile
from my_mlops_stacks_tests.repository import copy_files, files_under

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mlops_core", "my_mlops_stacks")
DOCKERFILE, IGNORE = ROOT / "Dockerfile", ROOT / ".dockerignore"
IMAGE = "registry.example.com/my_mlops_stacks:0123abc"


def test_the_base_is_pinned_by_digest_and_nothing_is_fetched_by_address() -> None:
    [base] = [one for one in dockerfile.instructions(DOCKERFILE) if one.text.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base.text)
    stages = [one.words[0] for one in dockerfile.instructions(DOCKERFILE) if one.name == "FROM"]
    assert stages == ["${PYTHON}", "${PYTHON}"]
    [uv] = [one for one in dockerfile.instructions(DOCKERFILE) if one.text.startswith("UV=")]
    assert re.fullmatch(r'UV="uv==[\d.]+ --hash=sha256:[0-9a-f]{64}"', uv.text)
    assert "ADD" not in {one.name for one in dockerfile.instructions(DOCKERFILE)}
    assert not re.search(r"https?://|curl|wget", "".join(one.text for one in dockerfile.instructions(DOCKERFILE)))


@pytest.mark.parametrize("target", ["dev", "test", "staging", "prod"])
def test_its_python_and_pyspark_are_those_of_the_targets_compute(target: str) -> None:
    """Otherwise every step would refuse to start."""
    defaults = dict(one.text.split("=", 1) for one in dockerfile.instructions(DOCKERFILE) if one.name == "ARG")
    where, there = versions_of(Compute().overridden(load_target(PROJECT, target).compute))
    assert defaults["PYTHON"].startswith(f"python:{there['python']}."), where
    assert defaults["PYSPARK"] == there["pyspark"], where


def test_it_does_not_run_as_root() -> None:
    assert int(dockerfile.last(DOCKERFILE, "USER").text) > 0  # a number: runAsNonRoot does not look up names
    names = [one.name for one in dockerfile.instructions(DOCKERFILE)]
    assert "RUN" not in names[names.index("USER") :]


def test_no_secret_is_asked_for_or_set() -> None:
    said = [one.text for one in dockerfile.instructions(DOCKERFILE) if one.name in ("ARG", "ENV", "RUN")]
    assert not re.search(r"token|secret|passw|credential|_key", " ".join(said), re.IGNORECASE)


def test_what_is_copied_exists_and_is_sent_to_the_build() -> None:
    copies = [one for one in dockerfile.instructions(DOCKERFILE) if one.name == "COPY" and "--from" not in one.text]
    sources = [source for copy in copies for source in copy.words[:-1]]
    assert "." in sources
    for source in sources:
        assert (ROOT / source).exists()
        assert source == "." or dockerfile.is_sent(source, IGNORE)


@pytest.mark.parametrize("project", ["my_mlops_stacks", "churn"])
@pytest.mark.parametrize(
    "file",
    [
        "__init__.py",
        "training/train.py",
        "databricks.yml",
        "requirements.txt",
        "resources/a-resource.yml",
        "data/zones.csv",
        "q.sql",
    ],
)
def test_every_project_is_sent_to_the_build(project: str, file: str) -> None:
    assert dockerfile.is_sent(f"{project}/{file}", IGNORE)


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "my_mlops_stacks/.env", ".git/config", ".databrickscfg", ".local/mlflow/mlflow.db"),
        *(".venv/bin/python", "my_mlops_stacks_tests/conftest.py", "my_mlops_stacks/__pycache__/a.cpython-312.pyc"),
        *("churn_tests/test_model.py", "churn/.env", "churn/.copier-answers.yml", "data/churn.parquet", "rows.csv"),
        *("data/churn.csv", "service-account.json"),
    ],
)  # fmt: skip
def test_nothing_else_is_sent(path: str) -> None:
    assert not dockerfile.is_sent(path, IGNORE)


INSTALLED = (".py", ".yml", ".txt", ".j2", ".sql", ".csv", ".typed")
SECOND = (
    *("__init__.py", "databricks.yml", "training/train.py", "resources/a-resource.yml", "requirements.txt"),
    *("data/zones.csv", "queries/q.sql"),
)


def test_every_file_that_the_package_needs_is_installed(tmp_path: Path) -> None:
    """The image installs the package, not a link to its source: data files must be declared in setup.cfg."""
    copy_files(tmp_path)
    for name in SECOND:
        (tmp_path / "churn" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "churn" / name).touch()
    command = [sys.executable, "setup.py", "-q", "build"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    installed = tmp_path / "build" / "lib"
    source = {file.relative_to(ROOT) for package in PACKAGES for file in files_under(package)}
    needed = {file for file in source if Path(f"x{file.name}").suffix in INSTALLED and "notebooks" not in file.parts}
    needed |= {Path("churn", name) for name in SECOND}
    assert needed == {file.relative_to(installed) for file in installed.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def code_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The image's command as a process, on a free port of loopback; gives the port once its health check passes."""
    folder = tmp_path_factory.mktemp("container")
    port = free_port()
    command = _here(dockerfile.last(DOCKERFILE, "CMD").words, port)
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=log, stderr=log)
    try:
        for _ in range(30):
            check = _here(dockerfile.health_check(DOCKERFILE), port)
            checked = subprocess.run(check, check=False, env=_environment(folder))
            if checked.returncode == 0:
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.5)
        yield port
    finally:
        process.kill()  # where interrupts are ignored, Dagster ignores SIGTERM too
        log.close()


def test_its_command_serves_the_definitions(code_server: int, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace.yaml"
    server = {"host": "127.0.0.1", "port": code_server, "location_name": "my_mlops_stacks"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    command = [_program("dagster"), "definitions", "validate", "--workspace", str(workspace)]
    validated = subprocess.run(
        command, check=False, env=_environment(tmp_path), capture_output=True, text=True, cwd=tmp_path
    )
    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert "Validation successful for code location my_mlops_stacks" in validated.stdout + validated.stderr


def test_it_tells_run_launchers_its_own_image(code_server: int) -> None:
    client = DagsterGrpcClient(host="127.0.0.1", port=code_server)
    assert IMAGE in client.get_current_image()


def test_its_webserver_is_the_guarded_one(tmp_path: Path) -> None:
    """Dagster's chart, and compose, start it by this name."""
    [run] = [one for one in dockerfile.instructions(DOCKERFILE) if "dagster-webserver" in one.text]
    program = tmp_path / "dagster-webserver"
    program.touch(mode=0o755)
    text = run.text.replace("/opt/venv/bin/dagster-webserver", shlex.quote(str(program)))
    here = text.replace("/opt/venv/bin/python", f'"{sys.executable}"')  # within the quotes of the program's text
    subprocess.run(["sh", "-c", here], check=True)
    environ = _environment(tmp_path) | {"DAGSTER_WEBSERVER_URL": "dagster"}
    refused = subprocess.run([program, "--help"], check=False, env=environ, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "without its guard: DAGSTER_WEBSERVER_URL is 'dagster'" in refused.stderr


def test_its_ports_agree() -> None:
    port = dockerfile.last(DOCKERFILE, "EXPOSE").text
    assert f" {port} " in dockerfile.last(DOCKERFILE, "CMD").words[-1]
    assert port in dockerfile.health_check(DOCKERFILE)


def _here(command: list[str], port: int) -> list[str]:
    """A command of the image as it runs on this machine: this environment's program, on loopback, on `port`."""
    exposed = dockerfile.last(DOCKERFILE, "EXPOSE").text
    changed = {"0.0.0.0": "127.0.0.1", exposed: str(port), "dagster api": f"{shlex.quote(_program('dagster'))} api"}
    for here, there in changed.items():
        command = [word.replace(here, there) for word in command]
    return [shutil.which(command[0]) or _program(command[0]), *command[1:]]


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DAGSTER_HOME": str(home),
        "DAGSTER_CURRENT_IMAGE": IMAGE,
        "MLOPS_PROJECT": "my_mlops_stacks",
    }
