"""Resources of pipelines: whether they are there, and which id they have."""

from __future__ import annotations

from dataclasses import dataclass

from cicd.azure_devops.client import API_VERSION, PREVIEW, AzureDevOps
from cicd.azure_devops.wanted import Protected


@dataclass(frozen=True)
class Kind:
    """How Azure DevOps lists a kind of resources, what people call one, and how one that is missing is made."""

    path: str
    query: str
    noun: str
    how: str
    version: str = API_VERSION


KINDS = {
    "environment": Kind("distributedtask/environments", "name", "environment", "run this without --verify"),
    "endpoint": Kind(
        "serviceendpoint/endpoints",
        "endpointNames",
        "service connection",
        "make it with scripts/create_service_connection.sh {name}",
    ),
    "variablegroup": Kind(
        "distributedtask/variablegroups", "groupName", "variable group", "make it under Pipelines, Library"
    ),
    "queue": Kind(
        "distributedtask/queues", "queueName", "agent pool", "make it under Project settings, Agent pools", PREVIEW
    ),
}


def described(resource: Protected) -> str:
    return f"{KINDS[resource.kind].noun} {resource.name}"


def id_of(devops: AzureDevOps, resource: Protected) -> str | None:
    """None where there is no resource of this name."""
    kind = KINDS[resource.kind]
    found = devops.get(kind.path, kind.version, **{kind.query: resource.name})["value"]
    return next((str(one["id"]) for one in found if one["name"] == resource.name), None)


@dataclass(frozen=True)
class Exists:
    """That a resource is there. Only environments are made here: the others hold a sign-in, secrets or machines."""

    resource: Protected

    def lacks(self, devops: AzureDevOps) -> str | None:
        if self.resource.optional or id_of(devops, self.resource):
            return None
        fix = KINDS[self.resource.kind].how.format(name=self.resource.name)
        return f"There is no {described(self.resource)}: {fix}."

    def make(self, devops: AzureDevOps) -> None:
        if self.resource.kind == "environment":
            devops.send("POST", KINDS["environment"].path, {"name": self.resource.name})
