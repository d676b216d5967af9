"""The pipelines themselves, and which of them may use a resource."""

from __future__ import annotations

from dataclasses import dataclass

from cicd.azure_devops.client import PREVIEW, AzureDevOps
from cicd.azure_devops.repository import id_of_repository
from cicd.azure_devops.resources import described, id_of
from cicd.azure_devops.wanted import MAIN, PIPELINES, Protected

YAML, FROM_THE_FILE, CONTINUOUS_INTEGRATION = 2, 2, 2
"""Numbers of the API: the kind of process, and where the triggers of a push are read."""


def ids_of_pipelines(devops: AzureDevOps) -> dict[str, int]:
    return {one["name"]: one["id"] for one in devops.get("build/definitions")["value"]}


@dataclass(frozen=True)
class Pipeline:
    """That there is a pipeline of a file; one that is made does not run."""

    name: str
    repository: str

    def lacks(self, devops: AzureDevOps) -> str | None:
        if self.name in ids_of_pipelines(devops):
            return None
        return f"There is no pipeline {self.name}: run this without --verify."

    def make(self, devops: AzureDevOps) -> None:
        repository = {"id": id_of_repository(devops, self.repository), "type": "TfsGit", "defaultBranch": MAIN}
        body = {
            "name": self.name,
            "path": "\\",
            "type": "build",
            "repository": repository,
            "process": {"yamlFilename": f"{PIPELINES}/{self.name}.yml", "type": YAML},
            "queue": {"name": "Azure Pipelines"},
            "triggers": [{"settingsSourceType": FROM_THE_FILE, "triggerType": CONTINUOUS_INTEGRATION}],
        }
        devops.send("POST", "build/definitions", body)


@dataclass(frozen=True)
class Permitted:
    """That the pipelines of a resource may use it without being asked, and none whose name is not in `files`."""

    resource: Protected
    files: frozenset[str]

    def lacks(self, devops: AzureDevOps) -> str | None:
        identifier = id_of(devops, self.resource)
        if identifier is None:
            return None
        found, what = devops.get(self._path(identifier), PREVIEW), described(self.resource)
        if (found.get("allPipelines") or {}).get("authorized"):
            return f"Every pipeline may use the {what}: run this without --verify."
        authorized = {one["id"] for one in found["pipelines"] if one["authorized"]}
        ids = ids_of_pipelines(devops)
        if missing := [name for name in self.resource.pipelines if ids.get(name) not in authorized]:
            return f"The pipeline {missing[0]} may not use the {what}: run this without --verify."
        if strange := sorted(name for name, one in ids.items() if one in authorized and name not in self.files):
            return f"The pipeline {strange[0]}, of no file here, may use the {what}: take its permission away there."
        return None

    def make(self, devops: AzureDevOps) -> None:
        identifier = id_of(devops, self.resource)
        if identifier is None:
            return
        ids = ids_of_pipelines(devops)
        pipelines = [{"id": ids[name], "authorized": True} for name in self.resource.pipelines]
        resource = {"type": self.resource.kind, "id": identifier}
        body = {"resource": resource, "allPipelines": {"authorized": False}, "pipelines": pipelines}
        devops.send("PATCH", self._path(identifier), body, PREVIEW)

    def _path(self, identifier: str) -> str:
        return f"pipelines/pipelinepermissions/{self.resource.kind}/{identifier}"
