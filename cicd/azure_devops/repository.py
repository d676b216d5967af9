"""The repository, and who may do what in it."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

from cicd.azure_devops.client import AzureDevOps, AzureDevOpsError
from cicd.azure_devops.wanted import REPOSITORY_CONNECTION

GIT = "2e9eb7ed-3c0a-47d4-87c1-0ffdf275fd87"
"""The security namespace of repositories, with these bits."""
READ, CONTRIBUTE, FORCE_PUSH, CREATE_BRANCH, CONTRIBUTE_TO_PULL_REQUESTS = 2, 4, 8, 16, 16384
EDIT_POLICIES, MANAGE_PERMISSIONS, IGNORE_POLICIES_ON_PUSH, IGNORE_POLICIES_ON_MERGE = 2048, 8192, 128, 32768
PROPOSE = CONTRIBUTE | CREATE_BRANCH | CONTRIBUTE_TO_PULL_REQUESTS
NEVER = FORCE_PUSH | EDIT_POLICIES | MANAGE_PERMISSIONS | IGNORE_POLICIES_ON_PUSH | IGNORE_POLICIES_ON_MERGE
BUILD_SERVICE = re.compile(r"Microsoft\.TeamFoundation\.ServiceIdentity;[^:]+:Build:")


def id_of_repository(devops: AzureDevOps, name: str) -> str:
    found = devops.get("git/repositories")["value"]
    ids = [str(one["id"]) for one in found if one["name"] == name]
    if not ids:
        raise AzureDevOpsError(f"The project {devops.project} has no repository {name}: REPOSITORY says which it is.")
    return ids[0]


@dataclass(frozen=True)
class Rights:
    """That an account has just these rights in the repository. `absent`: what an account that is not there means."""

    name: str
    repository: str
    allow: int
    deny: int
    says: str
    absent: str | None = None
    descriptor: re.Pattern[str] = re.compile("")

    def lacks(self, devops: AzureDevOps) -> str | None:
        account = self._account(devops)
        if account is None:
            return self.absent
        lists = devops.of_organization(f"accesscontrollists/{GIT}", token=self._token(devops), descriptors=account)
        entries = [entry for one in lists["value"] for entry in one["acesDictionary"].values()]
        if any((entry["allow"], entry["deny"]) == (self.allow, self.deny) for entry in entries):
            return None
        return f"{self.name} {self.says}: run this without --verify."

    def make(self, devops: AzureDevOps) -> None:
        account = self._account(devops)
        if account is not None:
            entry = {"descriptor": account, "allow": self.allow, "deny": self.deny}
            body = {"token": self._token(devops), "merge": False, "accessControlEntries": [entry]}
            devops.of_organization(f"accesscontrolentries/{GIT}", body)

    def _account(self, devops: AzureDevOps) -> str | None:
        """The descriptor, by which access control knows an account."""
        found = devops.identities(self.name)
        named = [one["descriptor"] for one in found if one["providerDisplayName"].casefold() == self.name.casefold()]
        return next((one for one in named if self.descriptor.match(one)), None)

    def _token(self, devops: AzureDevOps) -> str:
        project = devops.of_organization(f"projects/{urllib.parse.quote(devops.project)}")["id"]
        return f"repoV2/{project}/{id_of_repository(devops, self.repository)}"


def build_services(devops: AzureDevOps, repository: str) -> list[Rights]:
    """The accounts of every pipeline: with a right to contribute, a branch's pipeline could approve its pull request.

    The first run makes that of the project; that of the organization is not everywhere.
    """
    organization = devops.organization.rstrip("/").rpartition("/")[2]
    own, shared = (f"{name} Build Service ({organization})" for name in (devops.project, "Project Collection"))
    absent = f"There is no account {own} before the first run of a pipeline: run this without --verify after it."
    says = "may do more in the repository than read"
    return [
        Rights(name, repository, READ, PROPOSE | NEVER, says, unknown, BUILD_SERVICE)
        for name, unknown in ((own, absent), (shared, None))
    ]


def proposing(repository: str) -> Rights:
    """The account of deploy-cicd."""
    absent = f"{REPOSITORY_CONNECTION} is no member of the organization: step 2 of docs/mlops-setup.md adds it."
    says = "may not propose a branch, or may do more"
    return Rights(REPOSITORY_CONNECTION, repository, READ | PROPOSE, NEVER, says, absent)
