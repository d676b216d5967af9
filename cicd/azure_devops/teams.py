"""The teams whose members approve and review."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from cicd.azure_devops.client import AzureDevOps


def id_of_team(devops: AzureDevOps, name: str) -> str | None:
    found = devops.of_organization(_teams(devops), **{"$top": "1000"})["value"]
    return next((str(team["id"]) for team in found if team["name"] == name), None)


@dataclass(frozen=True)
class Team:
    """That a team is there and has two members: whoever starts a run, or writes a pull request, does not count."""

    name: str

    def lacks(self, devops: AzureDevOps) -> str | None:
        identifier = id_of_team(devops, self.name)
        if identifier is None:
            return f"There is no team {self.name}: run this without --verify."
        members = devops.of_organization(f"{_teams(devops)}/{identifier}/members")["value"]
        if len(members) < 2:  # noqa: PLR2004
            return f"The team {self.name} has fewer than two members: add them under Project settings, Teams."
        return None

    def make(self, devops: AzureDevOps) -> None:
        if id_of_team(devops, self.name) is None:
            devops.of_organization(_teams(devops), {"name": self.name})


def _teams(devops: AzureDevOps) -> str:
    return f"projects/{urllib.parse.quote(devops.project)}/teams"
