"""Where steps run: what the Jobs API is asked for, per target and per asset."""

from __future__ import annotations

import re

import dagster as dg
import pytest
import yaml

from mlops_core.adapters.step_launcher.compute import Compute, submit_payload
from mlops_core.config import Prices
from mlops_core_tests.adapters.step_launcher.workbench import CLUSTER, HERE, Workbench

PROJECT = HERE.parents[2]


def payload(compute: Compute) -> dict:
    requirements = ("dagster==1.13.27", "pyspark==4.2.1", "mlflow[databricks]==3.17.2")
    return submit_payload(
        compute,
        name="name",
        main_file="/Workspace/main.py",
        parameters=["a=b"],
        requirements=requirements,
        tags={"run": "1"},
    )


def test_a_job_cluster_sees_volumes_carries_tags_and_keeps_its_own_pyspark() -> None:
    task = payload(Compute("job", new_cluster=CLUSTER))["tasks"][0]
    assert task["new_cluster"] == {**CLUSTER, "data_security_mode": "SINGLE_USER", "custom_tags": {"run": "1"}}
    assert task["libraries"] == [
        {"pypi": {"package": "dagster==1.13.27"}},
        {"pypi": {"package": "mlflow[databricks]==3.17.2"}},
    ]


def test_serverless_has_an_environment_and_no_cluster() -> None:
    found = payload(Compute("serverless", new_cluster=CLUSTER, budget_policy_id="b-1"))
    assert found["budget_policy_id"] == "b-1"
    assert found["environments"][0]["spec"] == {
        "environment_version": "5",
        "dependencies": ["dagster==1.13.27", "mlflow[databricks]==3.17.2"],
    }
    assert found["tasks"][0].keys() == {"task_key", "spark_python_task", "environment_key"}


def test_a_pool_decides_on_the_machines() -> None:
    cluster = payload(Compute(new_cluster=CLUSTER, instance_pool_id="pool", policy_id="policy"))["tasks"][0][
        "new_cluster"
    ]
    assert "node_type_id" not in cluster
    assert (cluster["instance_pool_id"], cluster["policy_id"]) == ("pool", "policy")


@pytest.mark.parametrize("named", ["instance_pool_id", "driver_instance_pool_id"])
def test_a_pool_within_the_cluster_decides_as_well(named: str) -> None:
    cluster = {**CLUSTER, "driver_node_type_id": "Standard_D8ds_v5", "instance_pool_id": "pool", named: "pool"}
    found = payload(Compute("job", new_cluster=cluster))["tasks"][0]["new_cluster"]
    assert found.keys().isdisjoint({"node_type_id", "driver_node_type_id"})


@pytest.mark.parametrize("changes", [{"kind": "job"}, {"serverless": False}])
def test_a_cluster_needs_a_runtime_before_anything_starts(changes: dict[str, object]) -> None:
    serverless = Compute(serverless=True)
    with pytest.raises(ValueError, match="state spark_version in the new_cluster of databricks/compute or of the"):
        serverless.overridden(changes)
    assert serverless.overridden({**changes, "policy_id": "A1"}).policy_id == "A1"
    assert serverless.overridden({**changes, "new_cluster": CLUSTER}).new_cluster == CLUSTER


def test_an_asset_changes_what_it_names() -> None:
    changed = Compute(new_cluster=CLUSTER, idle_s=5).overridden({"kind": "job", "new_cluster": {"num_workers": 8}})
    assert changed == Compute("job", new_cluster={**CLUSTER, "num_workers": 8}, idle_s=5)


def test_unknown_words_name_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="unknown key 'workers'; valid keys are kind, serverless, new_cluster"):
        Compute().overridden({"workers": 8})
    with pytest.raises(ValueError, match="choose one of worker, job, serverless, existing_cluster"):
        Compute("cluster")
    with pytest.raises(ValueError, match="needs existing_cluster_id"):
        Compute("existing_cluster")


def test_the_documented_examples_are_what_the_launcher_takes() -> None:
    text = (PROJECT / "docs" / "databricks.md").read_text()
    parts = [part for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) for part in block.split("\n\n")]
    examples = [yaml.safe_load(part) for part in parts]
    computes = [Compute().overridden(example["compute"]) for example in examples if "compute" in example]
    assert [compute.kind for compute in computes] == ["worker", "worker", "worker", "existing_cluster"]
    assert [Prices.model_validate(example["prices"]).currency for example in examples if "prices" in example] == ["USD"]


def results(bench: Workbench) -> list[str]:
    """What Databricks shows of its runs; a teardown returns when none of them goes on."""
    return [run.stopped_by.result.value if run.stopped_by else "SUCCESS" for run in bench.emulator.runs]


@pytest.mark.slow
def test_assets_override_the_target_by_metadata_and_by_tag(workbench: Workbench) -> None:
    result = workbench.materialize("numbers", "heavy", "light")
    assert result.success
    tasks = [run.submission.task for run in workbench.emulator.runs]
    assert ["new_cluster" in task for task in tasks].count(True) == 2  # the worker's, and heavy's own
    assert ["environment_key" in task for task in tasks].count(True) == 1
    assert workbench.emulator.cluster_starts == 2
    assert results(workbench) == ["SUCCESS"] * 3
    workbench.emulator.wait_until_idle()
    assert workbench.left_staged() == []


@pytest.mark.slow
def test_a_serverless_worker_starts_no_cluster(workbench: Workbench) -> None:
    workbench.compute(serverless=True)
    result = workbench.materialize("numbers", "doubled")
    assert result.success
    assert len(workbench.emulator.runs) == 1
    assert workbench.emulator.cluster_starts == 0
    metadata = workbench.instance.get_latest_materialization_event(
        dg.AssetKey("numbers")
    ).asset_materialization.metadata
    assert metadata["databricks/node_types"].value == "1 x serverless"


@pytest.mark.slow
def test_an_existing_cluster_is_used_as_it_is(workbench: Workbench) -> None:
    client = workbench.launcher._clients.get()
    mode = {"data_security_mode": "SINGLE_USER"}
    cluster = client.api_client.do(
        "POST", "/api/2.1/clusters/create", body={"cluster_name": "shared", **CLUSTER, **mode}
    )
    workbench.shared_clusters.append(cluster["cluster_id"])
    workbench.compute(kind="existing_cluster", existing_cluster_id=cluster["cluster_id"])
    result = workbench.materialize("numbers")
    assert result.success
    assert workbench.emulator.runs[0].submission.task["existing_cluster_id"] == cluster["cluster_id"]
    assert results(workbench) == ["SUCCESS"] * 2  # the step and its check
    event = workbench.instance.get_latest_materialization_event(dg.AssetKey("numbers"))
    assert event.asset_materialization.metadata["databricks/node_types"].value == "2 x Standard_D4ds_v5"


@pytest.mark.slow
def test_a_pool_a_policy_and_who_may_see_the_run(workbench: Workbench) -> None:
    client = workbench.launcher._clients.get()
    pool = client.instance_pools.create("pool", "Standard_D4ds_v5").instance_pool_id
    policy = client.cluster_policies.create(name="policy", definition="{}").policy_id
    workbench.compute(instance_pool_id=pool, policy_id=policy, viewers=["analysts", "eve@example.com"])
    assert workbench.materialize("numbers").success
    [run] = workbench.emulator.runs
    assert (run.cluster.spec["instance_pool_id"], run.cluster.spec["policy_id"]) == (pool, policy)
    assert "node_type_id" not in run.cluster.spec
    assert run.submission.request["access_control_list"] == [
        {"group_name": "analysts", "permission_level": "CAN_VIEW"},
        {"user_name": "eve@example.com", "permission_level": "CAN_VIEW"},
    ]


@pytest.mark.slow
def test_a_backfill_of_sixty_days_and_a_day(workbench: Workbench) -> None:
    days = {"dagster/asset_partition_range_start": "2016-01-01", "dagster/asset_partition_range_end": "2016-02-29"}
    assert workbench.materialize("daily", tags=days).success
    assert len(workbench.notes("daily")[0].split(",")) == 60
    assert len(workbench.instance.get_materialized_partitions(dg.AssetKey("daily"))) == 60
    assert workbench.materialize("daily", tags={"dagster/partition": "2016-01-05"}).success
    assert "2016-01-05" in workbench.notes("daily")


@pytest.mark.slow
def test_two_runs_at_once_have_a_worker_each(workbench: Workbench) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(workbench.materialize, ("pausing", "pausing_too"))
    assert first.success
    assert second.success
    assert len(workbench.emulator.runs) == 2
    assert workbench.left_staged() == []


def test_a_job_that_only_this_process_has_is_refused_before_anything_starts(workbench: Workbench) -> None:
    from sample_project.definitions import defs

    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=workbench.instance, asset_selection=[dg.AssetKey("numbers")], raise_on_error=False
    )
    assert not result.success
    failure = workbench.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)[0]
    assert "a job that another process can load" in failure.dagster_event.step_failure_data.error.to_string()
    assert workbench.emulator.runs == []
