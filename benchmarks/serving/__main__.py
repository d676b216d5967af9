"""Latency of single rows over HTTP: `make serve`, which looks features up, beside MLflow's server with the bare model.

Of the champion that `make run` left. Both servers run at once, each in a process of its own, and take turns; each
question is asked on a connection that stays open. `python -m benchmarks.serving [requests]`.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

import mlflow
import numpy as np
from mlflow.pyfunc.scoring_server import get_cmd

from benchmarks.feature_store.machine import machine
from mlops_core.adapters.feature_store.spec import read_spec
from mlops_core.adapters.local_servers import LOOPBACK, Ports
from mlops_core.config import load_target
from mlops_core.defs.resources import adapters
from my_mlops_stacks.project import PROJECT

ROUND = 50
PATIENCE_S = 120
FIRST_PORT = 3030


def main(requests: int) -> None:
    target = load_target(PROJECT)
    with adapters(PROJECT, target, "model_registry", "spark", "tables") as resources, ExitStack() as stack:
        registry, tables = resources.model_registry, resources.tables
        champion = registry.at_alias("champion")
        mlflow.set_tracking_uri(registry.tracking_uri)
        rows = tables.delta("predictions").to_pyarrow_table().to_pylist()
        spec = read_spec(champion.uri)
        asked, whole = spec.required_columns, {*spec.required_columns, *spec.model_inputs}
        looked_up, given, bare = ([_record(row, names) for row in rows] for names in (asked, whole, spec.model_inputs))
        ports = Ports.beginning_at(FIRST_PORT)
        serve = [sys.executable, "-m", PROJECT.package, "serve"]
        stack.enter_context(_running(serve, os.environ | {"BUNDLE_VAR_ui_port": str(ports.dagster)}, ports.serving))
        command, environ = _bare(champion.uri, ports.serving + 1)
        stack.enter_context(_running(command, environ, ports.serving + 1))
        contenders = {
            "make serve, features looked up": (ports.serving, looked_up),
            "make serve, features given": (ports.serving, given),
            "MLflow, the bare model, features given": (ports.serving + 1, bare),
        }
        _tell({name: HTTPConnection(LOOPBACK, port) for name, (port, _) in contenders.items()}, contenders, requests)


def _tell(
    connections: Mapping[str, HTTPConnection], contenders: Mapping[str, tuple[int, list[str]]], requests: int
) -> None:
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for start in range(0, requests, ROUND):
        for name, (_, bodies) in contenders.items():
            asked = [_asked(connections[name], bodies[place % len(bodies)]) for place in range(start, start + ROUND)]
            took[name] += asked if start else []  # the first round warms up
    bare = np.percentile(took["MLflow, the bare model, features given"], [50, 99])
    logging.info("%s; %s requests each", machine(), requests - ROUND)
    for name, seconds in took.items():
        p50, p99 = np.percentile(seconds, [50, 99])
        logging.info(
            "%-40s p50 %.2f ms, p99 %.2f ms; of the bare model's %.2f and %.2f",
            name, p50 * 1e3, p99 * 1e3, p50 / bare[0], p99 / bare[1],
        )  # fmt: skip


def _asked(connection: HTTPConnection, body: str) -> float:
    began = time.perf_counter()
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    took = time.perf_counter() - began
    if answer.status != 200 or b"predictions" not in said:  # noqa: PLR2004
        raise RuntimeError(said.decode())
    return took


def _record(row: Mapping[str, object], names: Iterable[str]) -> str:
    return json.dumps({"dataframe_records": [{name: row[name] for name in names}]}, default=str)


def _bare(uri: str, port: int) -> tuple[list[str], Mapping[str, str]]:
    """What `mlflow models serve --env-manager local` runs, from a copy of the model's files on this machine."""
    command, environ = get_cmd(mlflow.artifacts.download_artifacts(uri), host=LOOPBACK, port=port)
    return [sys.executable, "-m", *shlex.split(command), "--log-level", "warning"], environ


@contextmanager
def _running(command: list[str], environ: Mapping[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env=environ)
    try:
        for _ in range(PATIENCE_S):
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    break
            time.sleep(1)
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_050)
