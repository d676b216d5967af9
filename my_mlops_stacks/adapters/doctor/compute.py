"""The compute of a target's steps, and whether its versions agree with those of this host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from my_mlops_stacks.adapters.doctor.finding import Finding, failed, ok, warning
from my_mlops_stacks.adapters.doctor.workspace import TargetWorkspace, exists, told
from my_mlops_stacks.adapters.step_launcher.compute import Compute
from my_mlops_stacks.adapters.step_launcher.settings import LauncherSettings
from my_mlops_stacks.adapters.step_launcher.versions import PYTHON, installed_versions, mismatch

# From the release notes of serverless compute and of the Databricks runtimes.
PYTHON_OF_ENVIRONMENT = {"1": "3.10", "2": "3.11", "3": "3.12", "4": "3.12", "5": "3.12"}
PYTHON_OF_RUNTIME = {"14.3": "3.10", "15.4": "3.11", "16.4": "3.12", "17.3": "3.12"}
IN_COMPUTE = "in the variable compute of databricks.yml"


@told
def compute(workspace: TargetWorkspace) -> Iterator[Finding]:
    """Serverless compute can't be asked for; what a cluster refers to can."""
    asked, client = workspace.settings.compute, workspace.client
    if asked.on_serverless:
        yield ok(f"Steps run on serverless compute, environment version {asked.environment_version}")
        return
    if (cluster := asked.existing_cluster_id) and asked.kind == "existing_cluster":
        fix = f"correct existing_cluster_id {IN_COMPUTE}"
        yield exists("Cluster", cluster, lambda: client.clusters.get(cluster), fix)
    if policy := asked.policy_id:
        fix = f"correct policy_id {IN_COMPUTE}, or grant {workspace.me} CAN_USE on it"
        yield exists("Cluster policy", policy, lambda: client.cluster_policies.get(policy), fix)
    for pool in filter(None, (asked.instance_pool_id, asked.driver_instance_pool_id)):
        found = lambda pool=pool: client.instance_pools.get(pool)  # noqa: E731
        yield exists("Instance pool", pool, found, f"correct instance_pool_id {IN_COMPUTE}")
    if asked.kind != "existing_cluster":
        yield ok(f"Steps run on job clusters with {asked.new_cluster.get('spark_version', 'no spark_version')}")


def matching_versions(settings: LauncherSettings) -> Iterator[Finding]:
    """What the step launcher compares before a step starts, as far as it is known before: Python, dagster, mlflow."""
    asked = settings.compute
    where, python = python_of(asked)
    pinned = dict(line.split("==") for line in settings.installed_requirements if "==" in line)
    host = installed_versions(("dagster", "mlflow"))
    if python is None:
        fix = "compare them: make smoke runs a step there"
        yield warning(f"Which Python {where} has is not known here; this host has {host.pop(PYTHON)}", fix)
    there = {name: pinned[name] for name in host if name in pinned} | ({PYTHON: python} if python else {})
    sentence = mismatch(host, there)
    if sentence:
        said, _, fix = sentence.partition(": ")
        yield failed(f"{said} (steps refuse to start)", fix.rstrip("."))
    else:
        same = ", ".join(f"{name} {version}" for name, version in there.items())
        yield ok(f"This host agrees with {where}: {same}")


def python_of(asked: Compute) -> tuple[str, str | None]:
    """The compute in words, and the minor version of its Python when it is known."""
    if asked.on_serverless:
        version = asked.environment_version
        return f"environment version {version}", PYTHON_OF_ENVIRONMENT.get(version)
    if asked.kind == "existing_cluster":
        return f"cluster {asked.existing_cluster_id}", None
    runtime = str(asked.new_cluster.get("spark_version", ""))
    version = re.match(r"\d+\.\d+", runtime)
    return f"runtime {runtime}", PYTHON_OF_RUNTIME.get(version[0]) if version else None
