"""A real MLflow server on loopback, on SQLite and a folder: what stands for the workspace's MLflow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_core_tests.ports import free_port

LOOPBACK = "127.0.0.1"
START_S, STOP_S, LOOK_S = 90.0, 10.0, 0.2
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # a third of its start


class ServerError(RuntimeError):
    """The MLflow server did not start."""


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A server whose files are in `folder`; gives its URL, and ends it with all its processes.

    Raises:
        ServerError: it ended, or does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            _command(folder, port),
            cwd=folder,
            env=_variables(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        _wait(server, url, folder / "server.log")
        yield url
    finally:
        _stop(server)


def _command(folder: Path, port: int) -> list[str]:
    options = {
        "--host": LOOPBACK,
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination": str(folder / "artifacts"),
    }
    return [sys.executable, "-m", "mlflow", "server", *(word for pair in options.items() for word in pair)]


def _variables() -> dict[str, str]:
    """This process's environment without what is set for MLflow clients."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | SETTINGS


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServerError(f"The MLflow server did not start; its log ends with:\n{log.read_text()[-2000:]}")
        time.sleep(LOOK_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server's process group, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(STOP_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
