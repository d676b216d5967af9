"""Instance pools and cluster policies: only that they exist, so that a specification can't name an unknown one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from databricks.sdk.service.compute import (
    ClusterPoliciesAPI,
    CreateInstancePoolResponse,
    CreatePolicyResponse,
    GetInstancePool,
    InstancePoolsAPI,
    ListInstancePools,
    ListPoliciesResponse,
    Policy,
)

from databricks_emulator.api import ApiError, Call, invalid, route


class ComputeCatalog:
    def __init__(self) -> None:
        self._pools: dict[str, dict[str, Any]] = {}
        self._policies: dict[str, dict[str, Any]] = {}

    def check(self, spec: Mapping[str, Any]) -> None:
        """Refuse a cluster of a pool or policy that does not exist."""
        for name in ("instance_pool_id", "driver_instance_pool_id"):
            if spec.get(name) and spec[name] not in self._pools:
                raise invalid(f"Can't find an instance pool with id: {spec[name]}.")
        if spec.get("policy_id") and spec["policy_id"] not in self._policies:
            raise invalid(f"Can't find a cluster policy with id: {spec['policy_id']}.")

    @route("POST", "/api/2.0/instance-pools/create", InstancePoolsAPI.create)
    def create_pool(self, call: Call) -> CreateInstancePoolResponse:
        key = f"pool-{secrets.token_hex(8)}"
        self._pools[key] = {**call.arguments, "instance_pool_id": key, "state": "ACTIVE"}
        return CreateInstancePoolResponse(key)

    @route("GET", "/api/2.0/instance-pools/get", InstancePoolsAPI.get)
    def get_pool(self, call: Call) -> GetInstancePool:
        if call["instance_pool_id"] not in self._pools:
            raise ApiError(
                404, "RESOURCE_DOES_NOT_EXIST", f"Can't find an instance pool with id: {call['instance_pool_id']}."
            )
        return GetInstancePool.from_dict(self._pools[call["instance_pool_id"]])

    @route("GET", "/api/2.0/instance-pools/list", InstancePoolsAPI.list)
    def list_pools(self, call: Call) -> ListInstancePools:
        return ListInstancePools.from_dict({"instance_pools": list(self._pools.values())})

    @route("POST", "/api/2.0/policies/clusters/create", ClusterPoliciesAPI.create)
    def create_policy(self, call: Call) -> CreatePolicyResponse:
        key = secrets.token_hex(8).upper()
        self._policies[key] = {**call.arguments, "policy_id": key}
        return CreatePolicyResponse(key)

    @route("GET", "/api/2.0/policies/clusters/get", ClusterPoliciesAPI.get)
    def get_policy(self, call: Call) -> Policy:
        if call["policy_id"] not in self._policies:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Can't find a cluster policy with id: {call['policy_id']}.")
        return Policy.from_dict(self._policies[call["policy_id"]])

    @route("GET", "/api/2.0/policies/clusters/list", ClusterPoliciesAPI.list)
    def list_policies(self, call: Call) -> ListPoliciesResponse:
        return ListPoliciesResponse.from_dict({"policies": list(self._policies.values())})
