"""What the tests ask a workspace with: the real client, files, runs of a task."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service import compute, jobs

from databricks_emulator import Emulator

VOLUME = "/Volumes/dev/app/staging"
MAIN = "/Workspace/Shared/main.py"
CLASSIC = {
    "spark_version": "16.4.x-scala2.12",
    "node_type_id": "m5d.large",
    "num_workers": 1,
    "data_security_mode": "SINGLE_USER",
}
CLASSIC_ARGUMENTS = {**CLASSIC, "data_security_mode": compute.DataSecurityMode.SINGLE_USER}
PYTHON_TASK = {"spark_python_task": {"python_file": MAIN}}
SERVERLESS = [{"environment_key": "default", "spec": {"environment_version": "5"}}]
Make = Callable[..., Emulator]


def client_of(emulator: Emulator, **options: Any) -> WorkspaceClient:
    return WorkspaceClient(config=Config(host=emulator.url, token=emulator.token, retry_timeout_seconds=1, **options))


def upload(client: WorkspaceClient, path: str, content: bytes | str, overwrite: bool | None = None) -> None:
    data = content.encode() if isinstance(content, str) else content
    client.files.upload(path, io.BytesIO(data), overwrite=overwrite)


def submit(emulator: Emulator, code: str, *parameters: str, **options: Any) -> int:
    """Submit a Python task; serverless unless `cluster` is given. Returns the id of the run."""
    emulator.storage.tree_path(MAIN).write_text(dedent(code))
    task: dict[str, Any] = {
        "task_key": "step",
        "spark_python_task": {"python_file": MAIN, "parameters": list(parameters)},
    }
    dependencies, kept = options.pop("dependencies", []), {}
    if "cluster" in options:
        task |= {"new_cluster": options.pop("cluster"), "libraries": options.pop("libraries", [])}
    else:
        task["environment_key"] = "default"
        spec = compute.Environment(environment_version="5", dependencies=dependencies)
        kept["environments"] = [jobs.JobEnvironment("default", spec)]
    return client_of(emulator).jobs.submit(tasks=[jobs.SubmitTask.from_dict(task)], **kept, **options).response.run_id


def run(emulator: Emulator, code: str, *parameters: str, **options: Any) -> tuple[jobs.Run, jobs.RunOutput]:
    """Run a Python task to its end."""
    run_id = submit(emulator, code, *parameters, **options)
    emulator.wait_until_idle(30)
    found = client_of(emulator).jobs.get_run(run_id)
    return found, client_of(emulator).jobs.get_run_output(found.tasks[0].run_id)


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent to notice does not."""
    status = Path(f"/proc/{process}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
