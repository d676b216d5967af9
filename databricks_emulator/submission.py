"""What `runs/submit` accepts: the checks beyond the types of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from databricks_emulator.api import ApiError, invalid
from databricks_emulator.clusters import Clusters
from databricks_emulator.dbfs import check_root
from databricks_emulator.storage import mounted

LONGEST_TOKEN = 64
LONGEST_PARAMETERS = 10_000  # bytes of a task's parameters as JSON
LONGEST_KEY = 100
ENVIRONMENT_VERSIONS = ("1", "2", "3", "4", "5")
COMPUTE = ("new_cluster", "existing_cluster_id", "environment_key")
DBFS_OF_VOLUMES = "dbfs:/Volumes/"


@dataclass(frozen=True)
class Submission:
    """A checked request for a run of one Python task."""

    name: str
    task: Mapping[str, Any]
    environment: Mapping[str, Any]
    timeout_seconds: int
    request: Mapping[str, Any]

    @property
    def is_serverless(self) -> bool:
        return "environment_key" in self.task

    @property
    def python_file(self) -> str:
        """Where the task finds its file."""
        return mounted(self.task["spark_python_task"]["python_file"])

    @property
    def parameters(self) -> list[str]:
        return self.task["spark_python_task"].get("parameters") or []

    @property
    def environment_version(self) -> str:
        return str(self.environment.get("environment_version") or self.environment.get("client"))


def checked(request: Mapping[str, Any], clusters: Clusters, dbfs_root: bool) -> Submission:
    """The submission that a request means.

    Raises:
        ApiError: Databricks would refuse it, or the emulator can't run it.
    """
    if len(request.get("idempotency_token") or "") > LONGEST_TOKEN:
        raise invalid(f"The idempotency token must have at most {LONGEST_TOKEN} characters.")
    task = _task(request)
    _check_python_task(task, dbfs_root)
    _check_compute(task, clusters)
    environment = _environment(request, task)
    timeout = int(task.get("timeout_seconds") or request.get("timeout_seconds") or 0)
    return Submission(request.get("run_name") or "Untitled", task, environment, timeout, request)


def _task(request: Mapping[str, Any]) -> Mapping[str, Any]:
    tasks = request.get("tasks") or []
    if not tasks:
        raise invalid("At least one task must be specified.")
    if len(tasks) > 1 or tasks[0].get("depends_on"):
        raise invalid("The emulator runs one task a run.")
    key = tasks[0]["task_key"]
    if not 0 < len(key) <= LONGEST_KEY or not all(letter.isalnum() or letter in "-_" for letter in key):
        raise invalid(f"task_key '{key}' may only have letters, digits, dashes and underscores, at most {LONGEST_KEY}.")
    return tasks[0]


def _check_python_task(task: Mapping[str, Any], dbfs_root: bool) -> None:
    kinds = [name for name in task if name.endswith("_task")]
    if len(kinds) != 1:
        raise invalid(f"Task {task['task_key']} must specify exactly one type of task; it has {kinds or 'none'}.")
    if kinds != ["spark_python_task"]:
        raise invalid(f"The emulator runs a spark_python_task, not a {kinds[0]}.")
    path = task["spark_python_task"]["python_file"]
    if path.startswith("dbfs:") and not path.startswith(DBFS_OF_VOLUMES):
        check_root(path, dbfs_root)
    elif not path.removeprefix("dbfs:").startswith(("/Workspace/", "/Volumes/", "/Shared/", "/Users/")):
        raise invalid(f"Invalid python file reference: {path}. It must be a workspace path, a volume or a cloud URI.")
    if (
        sum(len(parameter.encode()) + 4 for parameter in task["spark_python_task"].get("parameters") or [])
        > LONGEST_PARAMETERS
    ):
        raise invalid(f"The parameters of task {task['task_key']} exceed the limit of {LONGEST_PARAMETERS} bytes.")


def _check_compute(task: Mapping[str, Any], clusters: Clusters) -> None:
    named = [name for name in COMPUTE if task.get(name)]
    if len(named) > 1:
        raise invalid(f"Task {task['task_key']} must specify only one of {', '.join(named)}.")
    if not named:
        raise invalid(
            f"Task {task['task_key']} must specify a cluster, or an environment_key: Python script tasks need one on "
            "serverless compute."
        )
    if "new_cluster" in task:
        clusters.check(task["new_cluster"])
        if task["new_cluster"].get("autotermination_minutes"):
            raise invalid("The field autotermination_minutes is not allowed for a job cluster.")
    if "existing_cluster_id" in task:
        clusters.known(task["existing_cluster_id"])
    if "environment_key" in task and task.get("libraries"):
        raise invalid("Libraries field is not supported for serverless task, please specify libraries in environment.")


def _environment(request: Mapping[str, Any], task: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification of the serverless environment that the task names."""
    environments = {one["environment_key"]: one.get("spec") for one in request.get("environments") or []}
    if "environment_key" not in task:
        return {}
    if task["environment_key"] not in environments:
        raise invalid(f"The environment key '{task['environment_key']}' is not defined in environments.")
    spec = environments[task["environment_key"]]
    if not spec or not (spec.get("environment_version") or spec.get("client")):
        raise invalid(f"The environment '{task['environment_key']}' must have a spec with an environment_version.")
    if spec.get("environment_version") and spec.get("client"):
        raise invalid("Only one of client and environment_version can be specified.")
    version = str(spec.get("environment_version") or spec.get("client"))
    if version not in ENVIRONMENT_VERSIONS:
        raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Invalid environment version: {version}.")
    return spec
