"""The doctor on compute that is missing, or that has other versions than this machine."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from databricks.sdk import WorkspaceClient

from databricks_emulator import Emulator
from my_mlops_stacks_tests.doctor.staging import RUNTIME, examined, failures, serverless


def test_a_python_that_steps_would_refuse_is_said() -> None:
    found = examined(compute=serverless("1"))  # Python 3.10, which this project does not run on
    assert failures(found)["versions"].startswith("python is 3.10 on the cluster but 3.1")


@pytest.mark.parametrize(("pyspark", "ok"), [("4.1.3", True), ("4.2.1", False)])
def test_a_pyspark_that_steps_would_refuse_is_said(monkeypatch: pytest.MonkeyPatch, pyspark: str, ok: bool) -> None:
    installed = {"python": "3.12.3", "dagster": version("dagster"), "mlflow": version("mlflow"), "pyspark": pyspark}
    monkeypatch.setattr("mlops_core.adapters.doctor.compute.installed_versions", lambda _: dict(installed))
    [finding] = examined(compute=serverless("5"))["versions"]
    assert (finding.state == "ok") is ok
    if not ok:
        assert finding.said.startswith("pyspark is 4.1 on the cluster but 4.2.1 on the Dagster host")
        assert finding.fix == "scripts/install_pyspark.sh 4.1 puts it into .venv"


def test_versions_of_a_cluster_that_nobody_knows_are_a_warning() -> None:
    [unknown, known] = examined(compute={"kind": "existing_cluster", "existing_cluster_id": "0123-1"})["versions"]
    assert unknown.said.startswith("Not known of cluster 0123-1: python (here 3.")
    assert known.said.startswith("This host agrees with cluster 0123-1: ")


def test_another_mlflow_than_the_clusters_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"python": "3.12.3", "dagster": version("dagster"), "mlflow": "2.22.0"}
    monkeypatch.setattr("mlops_core.adapters.doctor.compute.installed_versions", lambda _: dict(installed))
    said = failures(examined(compute=serverless("5")))["versions"]
    assert re.match(r"mlflow is 3\.\d+\.\d+ on the cluster but 2\.22\.0 on the Dagster host", said)


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        ({"kind": "job", "policy_id": "0A1B"}, "Cluster policy 0A1B does not exist"),
        ({"kind": "job", "instance_pool_id": "pool-1", **RUNTIME}, "Instance pool pool-1 does not exist"),
        ({"kind": "existing_cluster", "existing_cluster_id": "0123-1"}, "Cluster 0123-1 does not exist"),
    ],
)
def test_compute_that_is_missing_is_said(workspace: Emulator, compute: dict[str, str], said: str) -> None:
    assert failures(examined(compute=compute))["compute"] == said


def test_a_cluster_policy_that_exists_is_found(workspace: Emulator) -> None:
    policy = WorkspaceClient().cluster_policies.create(name="small", definition="{}").policy_id
    said = [one.said for one in examined(compute={"kind": "job", "policy_id": policy})["compute"]]
    assert f"Cluster policy {policy} exists" in said
