"""`make dev` opens its three servers, which no page of another site can use, and ends with all of them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import requests

from mlops_core.adapters.local_servers import Ports
from mlops_core_tests.ports import free_port
from my_mlops_stacks_tests.dev_process import answer, environment_of, opened

PORTS = Ports.beginning_at(free_port(consecutive=3))
ANSWERS = {
    "dagster": ("/server_info", "dagster_webserver_version"),
    "pages": ("/", "has not made this page"),
    "mlflow": ("/", "<title>MLflow</title>"),
}


EVIL = "10.evil.example"
MUTATION = {"query": 'mutation { setConcurrencyLimit(concurrencyKey: "taken", limit: 1) }'}
FOREIGN = (
    ("dagster", "GET", "/graphql", {}),
    ("dagster", "GET", "/", {"Host": EVIL}),
    ("dagster", "POST", "/graphql", {"Origin": f"http://{EVIL}"}),
    ("pages", "GET", "/", {"Host": EVIL}),
    ("mlflow", "GET", "/api/2.0/mlflow/experiments/search", {"Host": EVIL}),
    ("mlflow", "POST", "/api/2.0/mlflow/experiments/create", {"Origin": f"http://{EVIL}"}),
)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_one_command_opens_all_and_leaves_nothing(tmp_path: Path) -> None:
    with opened(environment_of(tmp_path / "a [state] no. 1?", PORTS)) as process:
        for server, address in PORTS.addresses.items():
            path, said = ANSWERS[server]
            assert said in answer(f"{address}{path}", process)
        for server, method, path, headers in FOREIGN:
            address = f"{PORTS.addresses[server]}{path}"
            refused = requests.request(method, address, headers=headers, params=MUTATION, json=MUTATION, timeout=60)
            assert refused.status_code in (403, 405, 421), address
        done = requests.post(f"{PORTS.addresses['dagster']}/graphql", json=MUTATION, timeout=60).json()
        assert done == {"data": {"setConcurrencyLimit": True}}
    deadline = time.monotonic() + 60
    while any(map(is_open, PORTS)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
