"""`make dev` opens its three servers, and ends with all of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from my_mlops_stacks.adapters.local_servers import Ports

PORTS = Ports.beginning_at(38_110)
ANSWERS = {
    "dagster": ("/server_info", "dagster_webserver_version"),
    "pages": ("/", "has not made this page"),
    "mlflow": ("/", "<title>MLflow</title>"),
}


def answer(address: str, process: subprocess.Popen[bytes]) -> str:
    """The text at `address`, once somebody answers there."""
    for _ in range(240):
        assert process.poll() is None
        try:
            return requests.get(address, timeout=60).text
        except requests.ConnectionError:
            time.sleep(0.5)
    raise TimeoutError(address)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["state", "a [state] no. 1?"])
def test_one_command_opens_all_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    state = tmp_path / name
    environ = os.environ | {"BUNDLE_VAR_state_folder": str(state), "DAGSTER_HOME": str(state / "dagster")}
    environ |= {"BUNDLE_VAR_ui_port": str(PORTS.dagster)}
    process = subprocess.Popen([sys.executable, "-m", "my_mlops_stacks.dev"], env=environ)
    try:
        for server, address in PORTS.addresses.items():
            path, said = ANSWERS[server]
            assert said in answer(f"{address}{path}", process)
    finally:
        process.terminate()
        process.wait(60)
    deadline = time.monotonic() + 60
    while any(map(is_open, PORTS)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
