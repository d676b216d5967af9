"""The compute of a target's steps, and whether its versions match this host's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.doctor.workspace import TargetWorkspace, exists, report_api_errors
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.versions import PYTHON, installed_versions, mismatch

# Python and pyspark, from the release notes of serverless compute and of the Databricks runtimes.
ENVIRONMENTS = {
    "1": ("3.10", "3.5"),
    "2": ("3.11", "3.5"),
    "3": ("3.12", "3.5"),
    "4": ("3.12", "4.0"),
    "5": ("3.12", "4.1"),
}
RUNTIMES = {"14.3": ("3.10", "3.5"), "15.4": ("3.11", "3.5"), "16.4": ("3.12", "3.5"), "17.3": ("3.12", "4.0")}
IN_COMPUTE = "in the variable compute of databricks.yml"


@report_api_errors
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
    """What the step launcher compares before a step starts, as far as it is known before."""
    where, there = versions_of(settings.compute)
    there |= {name: text for name, text in _pinned(settings).items() if name in settings.matched_packages}
    host = installed_versions(settings.matched_packages)
    if unknown := [name for name in host if name not in there]:
        said = ", ".join(f"{name} (here {host[name]})" for name in unknown)
        yield warning(f"Not known of {where}: {said}", "compare them: make smoke runs a step there")
    sentence = mismatch({name: text for name, text in host.items() if name in there}, there)
    if sentence is None:
        same = ", ".join(f"{name} {version}" for name, version in there.items())
        yield ok(f"This host agrees with {where}: {same}")
        return
    said, _, fix = sentence.partition(": ")
    if said.startswith("pyspark"):
        fix = f"scripts/install_pyspark.sh {there['pyspark']} puts it into .venv"
    yield failed(f"{said} (steps refuse to start)", fix.rstrip("."))


def _pinned(settings: LauncherSettings) -> dict[str, str]:
    return dict(line.split("==") for line in settings.installed_requirements if "==" in line)


def versions_of(asked: Compute) -> tuple[str, dict[str, str]]:
    """The compute in words, and the minor versions of its python and pyspark when they are known."""
    if asked.on_serverless:
        environment = asked.environment_version
        return f"environment version {environment}", _named(ENVIRONMENTS.get(environment))
    if asked.kind == "existing_cluster":
        return f"cluster {asked.existing_cluster_id}", {}
    runtime = str(asked.new_cluster.get("spark_version", ""))
    version = re.match(r"\d+\.\d+", runtime)
    return f"runtime {runtime}", _named(RUNTIMES.get(version[0]) if version else None)


def _named(versions: tuple[str, str] | None) -> dict[str, str]:
    return dict(zip((PYTHON, "pyspark"), versions, strict=True)) if versions else {}
