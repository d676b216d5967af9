"""Checks, which Azure runs before a stage may use a resource, whatever the stage's file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cicd.azure_devops.client import PREVIEW, AzureDevOps
from cicd.azure_devops.resources import described, id_of
from cicd.azure_devops.teams import id_of_team
from cicd.azure_devops.wanted import APPROVERS, Protected

CONFIGURATIONS = "pipelines/checks/configurations"
APPROVAL = {"id": "8c6f20a7-a545-4486-9777-f762fafe0d4d", "name": "Approval"}
EXCLUSIVE_LOCK = {"id": "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563", "name": "ExclusiveLock"}
TASK = {"id": "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7", "name": "Task Check"}
BRANCH_CONTROL = {
    "id": "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b",
    "name": "evaluatebranchProtection",
    "version": "0.0.1",
}
"""The task that branch control is; its other checks are of the same type."""
MINUTES = 7 * 24 * 60
"""For so long a run waits for its checks."""
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """That a resource has a check at least as strict as this one; a stricter one is left as it is."""

    resource: Protected
    type: Mapping[str, str]
    says: str
    settings: Callable[[AzureDevOps], Settings]
    holds: Callable[[AzureDevOps, Settings], bool]

    def lacks(self, devops: AzureDevOps) -> str | None:
        identifier = id_of(devops, self.resource)
        if identifier is None or any(self._holds(devops, one) for one in self._found(devops, identifier)):
            return None
        return f"The {described(self.resource)} lacks the check: {self.says}."

    def make(self, devops: AzureDevOps) -> None:
        identifier = id_of(devops, self.resource)
        if identifier is None:
            return
        resource = {"type": self.resource.kind, "id": identifier, "name": self.resource.name}
        body: dict[str, Any] = {"type": self.type, "settings": self.settings(devops), "resource": resource}
        body |= {"timeout": MINUTES, "isDisabled": False}
        found = self._found(devops, identifier)
        if found:
            devops.send("PATCH", f"{CONFIGURATIONS}/{found[0]['id']}", body, PREVIEW)
        else:
            devops.send("POST", CONFIGURATIONS, body, PREVIEW)

    def _holds(self, devops: AzureDevOps, found: dict[str, Any]) -> bool:
        return not found.get("isDisabled") and self.holds(devops, found.get("settings") or {})

    def _found(self, devops: AzureDevOps, identifier: str) -> list[dict[str, Any]]:
        query = {"resourceType": self.resource.kind, "resourceId": identifier, "$expand": "settings"}
        found = devops.get(CONFIGURATIONS, PREVIEW, **query)["value"]
        return [one for one in found if one["type"]["id"].lower() == self.type["id"] and self._is_of_task(one)]

    def _is_of_task(self, found: dict[str, Any]) -> bool:
        task = (found.get("settings") or {}).get("definitionRef", {}).get("id", "")
        return self.type is not TASK or task.lower() == BRANCH_CONTROL["id"]


def checks_of(resource: Protected) -> list[Check]:
    found = [branch_control(resource)] if resource.branches else []
    found += [approval(resource)] if resource.approved else []
    return [*found, exclusive_lock(resource)] if resource.one_at_a_time else found


def approval(resource: Protected) -> Check:
    def settings(devops: AzureDevOps) -> Settings:
        return {
            "approvers": [{"id": id_of_team(devops, APPROVERS)}],
            "minRequiredApprovers": 1,
            "executionOrder": "anyOrder",
            "requesterCannotBeApprover": True,
            "instructions": "Read the plan on the page of the run.",
        }

    def holds(devops: AzureDevOps, found: Settings) -> bool:
        ids = {approver["id"] for approver in found.get("approvers", [])}
        return ids == {id_of_team(devops, APPROVERS)} and bool(found.get("requesterCannotBeApprover"))

    return Check(resource, APPROVAL, f"approval by {APPROVERS}, not by whoever starts the run", settings, holds)


def exclusive_lock(resource: Protected) -> Check:
    says = "exclusive lock, so that one run at a time changes it"
    return Check(resource, EXCLUSIVE_LOCK, says, lambda _: {}, lambda _, __: True)


def branch_control(resource: Protected) -> Check:
    """That only runs of protected branches use it: a branch of somebody's own would bring a pipeline of their own."""

    def settings(_: AzureDevOps) -> Settings:
        inputs = {
            "allowedBranches": ", ".join(resource.branches),
            "ensureProtectionOfBranch": "true",
            "allowUnknownStatusBranch": "false",
        }
        return {
            "displayName": "Branch control",
            "definitionRef": BRANCH_CONTROL,
            "inputs": inputs,
            "retryInterval": 5,
        }

    def holds(_: AzureDevOps, found: Settings) -> bool:
        inputs = found["inputs"]
        allowed = {branch.strip() for branch in inputs.get("allowedBranches", "*").split(",")}
        strict = inputs.get("ensureProtectionOfBranch") == "true" and inputs.get("allowUnknownStatusBranch") != "true"
        return strict and bool(allowed) and allowed <= set(resource.branches)

    return Check(resource, TASK, f"branch control for {', '.join(resource.branches)} alone", settings, holds)
