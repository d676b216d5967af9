"""The compute of a step, and its request to the Jobs API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from mlops_core.adapters.step_launcher.cost import Nodes

Kind = Literal["worker", "job", "serverless", "existing_cluster"]
COMPUTE_KEY = "databricks/compute"
RUNTIME_OWN = {"pyspark", "databricks-connect"}
ENVIRONMENT_KEY = "default"
UNITY_CATALOG = {"data_security_mode": "SINGLE_USER"}  # without a mode, a cluster does not see /Volumes
POOL_DECIDES = ("node_type_id", "driver_node_type_id")


@dataclass(frozen=True)
class Compute:
    """The compute of a target, or of one asset.

    `kind`: `worker` is one Databricks run for all steps of a Dagster run (a job cluster, or serverless when
    `serverless`); `job` a job cluster, `serverless` a serverless task and `existing_cluster` the cluster
    `existing_cluster_id` for this step alone. `new_cluster` is the Jobs API's object; `instance_pool_id`,
    `driver_instance_pool_id` and `policy_id` are put into it. A worker runs up to `parallel_steps` steps at once and
    leaves after `idle_s` seconds without one. Databricks cancels a run after `timeout_s` seconds; 0 is never. One that
    has not started after `start_timeout_s` seconds is cancelled by the host. `viewers` are groups, or the email
    addresses of people, who may see the pages of the Databricks runs. `budget_policy_id` is of serverless compute.
    """

    kind: Kind = "worker"
    serverless: bool = False
    new_cluster: Mapping[str, Any] = field(default_factory=dict)
    existing_cluster_id: str | None = None
    instance_pool_id: str | None = None
    driver_instance_pool_id: str | None = None
    policy_id: str | None = None
    environment_version: str = "5"
    parallel_steps: int = 4
    idle_s: float = 120.0
    timeout_s: int = 0
    start_timeout_s: float = 3600.0
    viewers: Sequence[str] = ()
    budget_policy_id: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"Compute kind {self.kind!r} is unknown: choose one of {', '.join(get_args(Kind))}.")
        if self.kind == "existing_cluster" and not self.existing_cluster_id:
            raise ValueError("Compute kind existing_cluster needs existing_cluster_id.")

    def check(self) -> None:
        """Refuse what Databricks would refuse when a step starts.

        Raises:
            ValueError: a cluster of its own has no runtime.
        """
        starts_cluster = self.kind in ("worker", "job") and not self.on_serverless
        stated = (self.policy_id, self.new_cluster.get("policy_id"), self.new_cluster.get("spark_version"))
        if starts_cluster and not any(stated):
            raise ValueError(
                f"Compute kind {self.kind} starts a cluster: state spark_version in the new_cluster of {COMPUTE_KEY} "
                "or of the variable compute in databricks.yml, or a policy_id that says it."
            )

    @property
    def on_serverless(self) -> bool:
        return self.kind == "serverless" or (self.kind == "worker" and self.serverless)

    @property
    def nodes(self) -> Nodes:
        return Nodes.of(self.new_cluster, self.on_serverless)

    def overridden(self, changes: Mapping[str, Any]) -> Compute:
        """This compute with an asset's changes; `new_cluster` is merged, everything else replaced.

        Raises:
            ValueError: a key is unknown, or what comes of it is not complete.
        """
        known = [item.name for item in fields(self)]
        for key in changes:
            if key not in known:
                raise ValueError(f"{COMPUTE_KEY} has the unknown key {key!r}; valid keys are {', '.join(known)}.")
        cluster = {**self.new_cluster, **changes.get("new_cluster", {})}
        changed = replace(self, **{**changes, "new_cluster": cluster})
        changed.check()
        return changed

    def cluster(self, tags: Mapping[str, str]) -> dict[str, Any]:
        """The Jobs API's `new_cluster`."""
        given = {
            "instance_pool_id": self.instance_pool_id,
            "driver_instance_pool_id": self.driver_instance_pool_id,
            "policy_id": self.policy_id,
        }
        cluster = {**UNITY_CATALOG, **self.new_cluster, **{key: value for key, value in given.items() if value}}
        if cluster.get("instance_pool_id"):  # the pool says which machines; Databricks refuses both
            cluster = {key: value for key, value in cluster.items() if key not in POOL_DECIDES}
        return {**cluster, "custom_tags": {**cluster.get("custom_tags", {}), **tags}}


def submit_payload(
    compute: Compute,
    *,
    name: str,
    main_file: str,
    parameters: list[str],
    requirements: Iterable[str],
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """The body of `runs/submit`, without its idempotency token."""
    task: dict[str, Any] = {
        "task_key": "dagster",
        "spark_python_task": {"python_file": main_file, "parameters": parameters},
    }
    payload: dict[str, Any] = {"run_name": name, "tasks": [task]}
    if compute.timeout_s:
        payload["timeout_seconds"] = compute.timeout_s
    if compute.viewers:
        payload["access_control_list"] = [_may_view(viewer) for viewer in compute.viewers]
    libraries = [line for line in requirements if package_of(line) not in RUNTIME_OWN]
    if compute.on_serverless:
        task["environment_key"] = ENVIRONMENT_KEY
        spec = {"environment_version": compute.environment_version, "dependencies": libraries}
        payload |= {"budget_policy_id": compute.budget_policy_id} if compute.budget_policy_id else {}
        return {**payload, "environments": [{"environment_key": ENVIRONMENT_KEY, "spec": spec}]}
    task["libraries"] = [{"pypi": {"package": line}} for line in libraries]
    if compute.kind == "existing_cluster":
        task["existing_cluster_id"] = compute.existing_cluster_id
    else:
        task["new_cluster"] = compute.cluster(tags)
    return payload


def _may_view(viewer: str) -> dict[str, str]:
    return {"user_name" if "@" in viewer else "group_name": viewer, "permission_level": "CAN_VIEW"}


def package_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
