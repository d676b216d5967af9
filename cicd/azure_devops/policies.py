"""Branch policies: what a pull request waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cicd.azure_devops.client import AzureDevOps
from cicd.azure_devops.definitions import ids_of_pipelines
from cicd.azure_devops.repository import id_of_repository
from cicd.azure_devops.teams import id_of_team
from cicd.azure_devops.wanted import REVIEWERS

BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
MINIMUM_REVIEWERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
REQUIRED_REVIEWERS = "fd2167ab-b0be-447a-8ec8-39368250530e"
CONFIGURATIONS = "policy/configurations"
Settings = dict[str, Any]


@dataclass(frozen=True)
class Policy:
    """That a branch has a policy with these settings, on and blocking. `own`: whether a policy is the one meant."""

    branch: str
    repository: str
    type: str
    says: str
    settings: Callable[[AzureDevOps], Settings]
    own: Callable[[Settings, Settings], bool] = lambda _, __: True

    def lacks(self, devops: AzureDevOps) -> str | None:
        found = self._found(devops)
        if found and self._holds(found[0], self.settings(devops)):
            return None
        return f"Pull requests to {self.branch} do not wait for {self.says}: run this without --verify."

    def make(self, devops: AzureDevOps) -> None:
        scope = {"repositoryId": id_of_repository(devops, self.repository), "refName": self.branch}
        settings = {**self.settings(devops), "scope": [{**scope, "matchKind": "Exact"}]}
        body = {"isEnabled": True, "isBlocking": True, "type": {"id": self.type}, "settings": settings}
        found = self._found(devops)
        if found:
            devops.send("PUT", f"{CONFIGURATIONS}/{found[0]['id']}", body)
        else:
            devops.send("POST", CONFIGURATIONS, body)

    def _found(self, devops: AzureDevOps) -> list[dict[str, Any]]:
        """Policies of this kind that are of this branch alone."""
        repository, wanted = id_of_repository(devops, self.repository), self.settings(devops)
        of_type = devops.get(CONFIGURATIONS, policyType=self.type)["value"]
        here = [one for one in of_type if _scope(one) == [(repository, self.branch)] and not one.get("isDeleted")]
        return [one for one in here if self.own(one["settings"], wanted)]

    def _holds(self, found: dict[str, Any], wanted: Settings) -> bool:
        settings = found["settings"]
        return found["isEnabled"] and found["isBlocking"] and all(_at_least(settings, *one) for one in wanted.items())


def _scope(policy: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    return [(one.get("repositoryId"), one.get("refName")) for one in policy["settings"].get("scope", [])]


def _at_least(settings: Settings, name: str, wanted: Any) -> bool:
    found = settings.get(name)
    return found >= wanted if name == "minimumApproverCount" and found else found == wanted


def reviewed(branch: str, repository: str) -> Policy:
    """A vote counts when somebody else than the author gave it, for what was pushed last."""
    settings = {
        "minimumApproverCount": 1,
        "creatorVoteCounts": False,
        "allowDownvotes": False,
        "resetOnSourcePush": True,
        "blockLastPusherVote": True,
    }
    says = "a reviewer who is not the author and votes after the last push"
    return Policy(branch, repository, MINIMUM_REVIEWERS, says, lambda _: settings)


def reviewed_by_team(branch: str, repository: str) -> Policy:
    """Of a named team, so that no account of a pipeline can be the reviewer."""

    def settings(devops: AzureDevOps) -> Settings:
        reviewers = [id_of_team(devops, REVIEWERS)]
        return {"requiredReviewerIds": reviewers, "minimumApproverCount": 1, "creatorVoteCounts": False}

    def is_for_every_file(found: Settings, _: Settings) -> bool:
        return not found.get("filenamePatterns")

    return Policy(branch, repository, REQUIRED_REVIEWERS, f"the team {REVIEWERS}", settings, is_for_every_file)


def built(branch: str, repository: str, pipeline: str, paths: list[str]) -> Policy:
    def settings(devops: AzureDevOps) -> Settings:
        return {
            "buildDefinitionId": ids_of_pipelines(devops).get(pipeline),
            "displayName": pipeline,
            "filenamePatterns": paths,
            "manualQueueOnly": False,
            "queueOnSourceUpdateOnly": True,
            "validDuration": 720,
        }

    def is_of_pipeline(found: Settings, wanted: Settings) -> bool:
        return found["buildDefinitionId"] == wanted["buildDefinitionId"]

    return Policy(branch, repository, BUILD, f"the pipeline {pipeline}", settings, is_of_pipeline)
