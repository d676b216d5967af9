"""All-purpose clusters, pools and policies, through the real databricks-sdk."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    InvalidParameterValue,
    ResourceDoesNotExist,
)
from databricks.sdk.service import compute

from databricks_emulator.tests.asking import (
    CLASSIC,
    CLASSIC_ARGUMENTS,
    Make,
    client_of,
    wait_for,
)


class TestClusters:
    def test_life_of_an_all_purpose_cluster(self, make: Make) -> None:
        emulator = make(classic_start=0.2)
        client = client_of(emulator)
        key = client.clusters.create(**CLASSIC_ARGUMENTS, cluster_name="mine").response.cluster_id
        assert client.clusters.get(key).state is compute.State.PENDING
        wait_for(lambda: client.clusters.get(key).state is compute.State.RUNNING)
        assert [item.cluster_name for item in client.clusters.list()] == ["mine"]
        assert emulator.running_clusters == [key]
        client.clusters.delete(key)
        assert client.clusters.get(key).termination_reason.code is compute.TerminationReasonCode.USER_REQUEST
        assert emulator.running_clusters == []
        assert [event.type.value for event in client.clusters.events(key)] == ["TERMINATING", "CREATING"]
        client.clusters.permanent_delete(key)
        with pytest.raises(ResourceDoesNotExist):
            client.clusters.get(key)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"spark_version": "99"}, "spark version"),
            ({"node_type_id": None}, "node_type_id"),
            ({"num_workers": None}, "num_workers"),
            ({"instance_pool_id": "pool-1"}, "instance pool"),
            ({"policy_id": "none"}, "policy"),
        ],
    )
    def test_refusals(self, client: WorkspaceClient, change: dict[str, Any], message: str) -> None:
        spec = {name: value for name, value in {**CLASSIC, **change}.items() if value is not None}
        with pytest.raises(InvalidParameterValue, match=message):
            client.api_client.do("POST", "/api/2.1/clusters/create", body=spec)

    def test_pools_and_policies_must_exist(self, client: WorkspaceClient) -> None:
        pool = client.instance_pools.create("pool", "m5d.large").instance_pool_id
        policy = client.cluster_policies.create(name="jobs").policy_id
        spec = {"spark_version": "16.4.x-scala2.12", "instance_pool_id": pool, "policy_id": policy}
        assert client.api_client.do("POST", "/api/2.1/clusters/create", body=spec)["cluster_id"]
