"""`make dev` opens its three servers, and ends with all of them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from mlops_core.adapters.local_servers import Ports
from my_mlops_stacks_tests.dev_process import answer, environment_of, opened

PORTS = Ports.beginning_at(38_110)
ANSWERS = {
    "dagster": ("/server_info", "dagster_webserver_version"),
    "pages": ("/", "has not made this page"),
    "mlflow": ("/", "<title>MLflow</title>"),
}


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["state", "a [state] no. 1?"])
def test_one_command_opens_all_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with opened(environment_of(tmp_path / name, PORTS)) as process:
        for server, address in PORTS.addresses.items():
            path, said = ANSWERS[server]
            assert said in answer(f"{address}{path}", process)
    deadline = time.monotonic() + 60
    while any(map(is_open, PORTS)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
