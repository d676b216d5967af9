"""`make serve`: the request of the README, the next champion, and what it says when there is nothing to serve."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests
from deltalake import DeltaTable
from mlflow import MlflowClient

from mlops_core.adapters.local_servers import Ports
from mlops_core.adapters.mlflow_database import database_uri
from mlops_core.config import Endpoint, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core_tests.ports import free_port
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.dev_process import answer, environment_of

PORTS = Ports.beginning_at(free_port(consecutive=4))
SERVER = f"http://127.0.0.1:{PORTS.serving}"
README = Path(__file__).parents[1] / "README.md"
CURL = re.compile(r"^\$ (curl .*?\}\]\}')$", re.MULTILINE | re.DOTALL)
TAKEN = (
    f"Port {PORTS.serving} is taken: end what answers at {SERVER}, or set BUNDLE_VAR_ui_port to three less than a "
    "free one."
)
NOT_INPUTS = ["prediction", "model_name", "model_version", "prediction_time", "day"]
MODULE = [sys.executable, "-m", "my_mlops_stacks"]


def said(environ: Mapping[str, str], *command: str) -> tuple[int, str]:
    done = subprocess.run([*MODULE, *command], env=environ, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr.rpartition("Error: ")[2].strip()


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[None]:
    """The server, which Ctrl-C ends."""
    process = subprocess.Popen([*MODULE, "serve"], env=environ)
    try:
        answer(f"{SERVER}/ping", process)
        yield
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def predicted(state: Path) -> Any:
    return DeltaTable(state / "warehouse" / "my_mlops_stacks" / "predictions").to_pandas()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_readmes_request_gets_the_batch_prediction_of_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "a [state] no. 1?"
    environ = environment_of(state, PORTS)
    assert said(environ, "serve") == (1, "There is no champion to serve: make run first, which makes one.")
    assert said(environ)[0] == 0
    request = CURL.search(README.read_text())[1].replace("http://127.0.0.1:3003", SERVER)
    with serving(environ):
        answered = subprocess.run(request, shell=True, capture_output=True, text=True, check=True, timeout=60)
        rows = predicted(state)
        row = rows[(rows["tpep_pickup_datetime"] == "2016-02-23 12:45:32Z") & (rows["pickup_zip"] == 10003)]
        assert len(row) == 1
        (prediction,) = json.loads(answered.stdout)["predictions"]
        assert prediction == pytest.approx(row["prediction"].item(), rel=1e-6)
        assert said(environ, "serve") == (1, TAKEN)
        records = json.loads(rows.drop(columns=NOT_INPUTS).to_json(orient="records", date_format="iso"))
        every = requests.post(f"{SERVER}/invocations", json={"dataframe_records": records}, timeout=60).json()
        assert every["predictions"] == pytest.approx(rows["prediction"].tolist(), rel=1e-6)
        assert follows_the_champion(database_uri(state / "mlflow" / "mlflow.db"), records[:1])
    monkeypatch.setenv("BUNDLE_VAR_state_folder", str(state))
    endpoint_follows()
    assert json.loads((state / "serving" / "my_mlops_stacks" / "fare.json").read_text())["traffic"]["champion"] == 2
    assert [file.name for file in (state / "serving").rglob("*") if file.is_file()] == ["fare.json"]


def follows_the_champion(uri: str, records: list[dict[str, Any]]) -> bool:
    """Whether a second version with the same files answers soon after it holds the alias."""
    client = MlflowClient(uri, uri)
    client.copy_model_version("models:/fare_model/1", "fare_model")
    client.set_registered_model_alias("fare_model", "champion", "2")
    for _ in range(120):
        served = requests.post(f"{SERVER}/invocations", json={"dataframe_records": records}, timeout=60)
        time.sleep(0.25)
        if served.headers["served-model-name"] == "version-2":
            return True
    return False


def endpoint_follows() -> None:
    """The asset, where the target asks for it: it answers its recorded sample though no server runs."""
    target = load_target(PROJECT, "local").model_copy(update={"endpoint": Endpoint(name="fare")})
    job = definitions_of(PROJECT, target).resolve_job_def("endpoint_job")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
