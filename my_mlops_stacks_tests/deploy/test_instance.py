"""deploy/dagster.yaml: what it says, and at work on a real PostgreSQL with Dagster's own daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.compute_log_manager import ComputeLogManager
from dagster._serdes import ConfigurableClassData

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.jobs import CLUSTER_TAG
from mlops_core_tests.ports import free_port
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.deploy import postgresql

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "dagster.yaml"
LOCATION = Path(__file__).with_name("waiting_location.py")
AT_ONCE, RUNS = 4, 6  # the file's limit per cluster, and what the sample location asks for
Status = dg.DagsterRunStatus


def written(home: Path, server: Mapping[str, str] | None = None) -> Path:
    """The file in `home`, without the two things that this machine has not: Azure's Blob storage, and a minute's time.

    Everything else is the deployed one; `server` has the test server's port, and where its certificate lies.
    """
    said = yaml.safe_load(FILE.read_text())
    del said["compute_logs"]
    said["run_monitoring"]["poll_interval_seconds"] = 1
    if server:
        database = said["storage"]["postgres"]["postgres_db"]
        database["port"] = int(server["DAGSTER_PG_PORT"])
        database["params"]["sslrootcert"] = server["DAGSTER_PG_CERTIFICATE"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(said))
    return home


def test_it_is_a_valid_instance_of_what_is_installed(tmp_path: Path) -> None:
    reference = InstanceRef.from_dir(str(written(tmp_path)))
    assert type(reference.run_coordinator).__name__ == "SignedInRunCoordinator"
    assert reference.run_launcher.supports_check_run_worker_health
    assert reference.settings["run_retries"]["max_retries"] == 2
    assert not reference.settings["telemetry"]["enabled"]


def test_its_compute_logs_go_to_blob_storage_with_the_machines_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_LOG_STORAGE_ACCOUNT", "logs")
    monkeypatch.setenv("DAGSTER_LOG_CONTAINER", "dagster")
    said = yaml.safe_load(FILE.read_text())["compute_logs"]
    data = ConfigurableClassData(said["module"], said["class"], yaml.safe_dump(said["config"]))
    client = data.rehydrate(as_type=ComputeLogManager)._container_client
    assert client.url == "https://logs.blob.core.windows.net/dagster"
    assert type(client.credential).__name__ == "DefaultAzureCredential"


def test_it_holds_no_password() -> None:
    database = yaml.safe_load(FILE.read_text())["storage"]["postgres"]["postgres_db"]
    assert [key for key, value in database.items() if not isinstance(value, dict)] == ["scheme", "port"]


@pytest.mark.parametrize("target", ["local", "dev", "staging", "prod"])
def test_jobs_carry_the_tag_that_it_limits(target: str) -> None:
    limited = [
        limit["key"] for limit in yaml.safe_load(FILE.read_text())["concurrency"]["runs"]["tag_concurrency_limits"]
    ]
    assert CLUSTER_TAG in limited
    job = definitions_of(PROJECT, load_target(PROJECT, target)).resolve_job_def("model_training_job")
    assert job.tags.get(CLUSTER_TAG) == (None if target == "local" else target)


def test_runs_that_share_a_cluster_share_its_limit() -> None:
    shared = {"kind": "existing_cluster", "existing_cluster_id": "0123-456789-abcdef"}
    definitions = definitions_of(PROJECT, load_target(PROJECT, "staging").model_copy(update={"compute": shared}))
    assert definitions.resolve_job_def("monitoring_job").tags[CLUSTER_TAG] == "0123-456789-abcdef"


@dataclass
class Deployed:
    """A database, a daemon and a code location as processes."""

    home: Path
    instance: dg.DagsterInstance
    environment: dict[str, str]
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        program = str(Path(sys.executable).with_name(command[0]))
        log = (self.home / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [program, *command[1:]], env=self.environment, stdout=log, stderr=log, start_new_session=True
        )

    def start_code_location(self) -> None:
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        self.start("code-location", "dagster", "api", "grpc", *address, "--python-file", str(LOCATION))

    def kill(self, name: str) -> None:
        """End all processes of a service at once, as the end of its container does."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def statuses(self) -> Counter[Status]:
        return Counter(run.status for run in self.instance.get_runs())

    def wait_for(self, what: str, ready: Callable[[], Any], seconds: float = 90.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            logs = "\n".join((self.home / f"{name}.log").read_text()[-3000:] for name in self.processes)
            assert time.monotonic() < deadline, f"{what}: {self.statuses()}\n{logs}"
            time.sleep(0.2)
        return found


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    port = free_port()
    with postgresql.running(_made(tmp_path / "database")) as found:
        home = written(_made(tmp_path / "home"), found)
        for name, value in {**found, "WAITING_FOLDER": str(home), "PYTHONPATH": str(ROOT)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        server = {"host": "127.0.0.1", "port": port, "location_name": "waiting"}
        (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            one = Deployed(home, instance, dict(os.environ), port)
            try:
                one.start_code_location()
                one.start("daemon", "dagster-daemon", "run", "--workspace", str(home / "workspace.yaml"))
                yield one
            finally:
                for name in list(one.processes):
                    one.kill(name)


@pytest.mark.slow
def test_queue_limit_monitoring_and_retry(deployed: Deployed) -> None:
    """Six runs of one cluster: four run, two wait; a lost container's runs fail and are repeated.

    Dagster stores a failure before it sets the run's status. Its daemon overlooks a run that it reads in between; that
    is seldom, but one of the four may stay failed.
    """
    deployed.wait_for("four run", lambda: deployed.statuses()[Status.STARTED] == AT_ONCE)
    time.sleep(7)  # the queue is looked at every five seconds: the fifth would have started
    assert deployed.statuses() == {Status.STARTED: AT_ONCE, Status.QUEUED: RUNS - AT_ONCE}

    interrupted = {run.run_id for run in deployed.instance.get_runs() if run.status is Status.STARTED}
    deployed.kill("code-location")
    deployed.start_code_location()
    failed = dg.RunsFilter(statuses=[Status.FAILURE])
    deployed.wait_for("they failed", lambda: {run.run_id for run in deployed.instance.get_runs(failed)} == interrupted)
    said = [entry.message for entry in deployed.instance.all_logs(next(iter(interrupted)))]
    assert any("the code server was replaced, or its process was killed" in message for message in said)

    (deployed.home / "go").touch()
    deployed.wait_for("all ended well", lambda: deployed.statuses()[Status.SUCCESS] >= RUNS - 1)
    repeated = {
        run.parent_run_id for run in deployed.instance.get_runs() if run.tags.get("dagster/retry_number") == "1"
    }
    assert repeated <= interrupted
    assert len(repeated) >= AT_ONCE - 1


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
