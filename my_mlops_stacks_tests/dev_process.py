"""What `make dev` starts, for tests: in a state folder and on ports of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from mlops_core.adapters.local_servers import Ports


def environment_of(state: Path, ports: Ports) -> dict[str, str]:
    """The environment of a process whose state and servers these are."""
    variables = {"BUNDLE_VAR_state_folder": str(state), "BUNDLE_VAR_ui_port": str(ports.dagster)}
    return os.environ | {"DAGSTER_HOME": str(state / "dagster"), **variables}


@contextmanager
def opened(environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process; it is told to end, as by Ctrl-C, and has ended after this context."""
    process = subprocess.Popen([sys.executable, "-m", "my_mlops_stacks", "dev"], env=environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def answer(address: str, process: subprocess.Popen[bytes]) -> str:
    """The text at `address`, once somebody answers there."""
    for _ in range(240):
        assert process.poll() is None
        try:
            return requests.get(address, timeout=60).text
        except requests.ConnectionError:
            time.sleep(0.5)
    raise TimeoutError(address)
