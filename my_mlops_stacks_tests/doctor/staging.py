"""What the doctor finds of the target staging, for tests."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from mlops_core.adapters.doctor.finding import Finding
from mlops_core.cli.doctor import examine, main
from mlops_core.config import load_target
from my_mlops_stacks.project import PROJECT

VOLUME = "staging.my_mlops_stacks.staging"
SCHEMA, TRIPS = VOLUME.rpartition(".")[0], "samples.nyctaxi.trips"
MODEL, EXPERIMENT = f"{SCHEMA}.fare_model", "/Users/5f0c0000-0000-0000-0000-00000000000a/my_mlops_stacks-staging"
CATALOGS = "/api/2.1/unity-catalog/catalogs"
FOREIGN = ("ARM_", "BUNDLE_VAR_", "DATABRICKS_", "MLFLOW_", "MLOPS_")
RUNTIME = {"new_cluster": {"spark_version": "16.4.x-scala2.12"}}
SAME_VERSIONS = "99"
"""An environment version with the Python and the pyspark of this machine."""
Findings = dict[str, list[Finding]]


def examined(write_test: bool = False, compute: dict[str, Any] | None = None, **changes: Any) -> Findings:
    """What is found of staging, by check; its steps run where versions are these, unless `compute` says another.

    `changes` are of the target: with its name it counts as another one.
    """
    found: Findings = {}
    target = load_target(PROJECT, "staging").model_copy(
        update={"compute": compute or serverless(SAME_VERSIONS), **changes}
    )
    for check, finding in examine(PROJECT, target, write_test):
        assert bool(finding.fix) is (finding.state != "ok"), finding
        found.setdefault(check, []).append(finding)
    return found


def serverless(environment_version: str) -> dict[str, Any]:
    return {"kind": "worker", "serverless": True, "environment_version": environment_version}


def failures(found: Findings) -> dict[str, str]:
    return {check: one.said for check, all_of in found.items() for one in all_of if one.state == "failed"}


def run_doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, obj=PROJECT)
