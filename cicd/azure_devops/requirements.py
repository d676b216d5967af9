"""Everything that the pipelines of a project require, in the order in which it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import yaml

from cicd.azure_devops.checks import checks_of
from cicd.azure_devops.client import AzureDevOps
from cicd.azure_devops.definitions import Permitted, Pipeline
from cicd.azure_devops.policies import built, reviewed, reviewed_by_team
from cicd.azure_devops.repository import build_services, proposing
from cicd.azure_devops.resources import Exists
from cicd.azure_devops.teams import Team
from cicd.azure_devops.wanted import APPROVERS, PIPELINES, REVIEWERS, Choices, pipelines_of, protected


class Requirement(Protocol):
    def lacks(self, devops: AzureDevOps) -> str | None:
        """What is missing, in a sentence with the fix; None when nothing is."""

    def make(self, devops: AzureDevOps) -> None:
        """Give it what it lacks, as far as that has no need of a person."""


def requirements(devops: AzureDevOps, root: Path, project: str, repository: str) -> list[Requirement]:
    """What a stage may not do comes before the pipelines: one that names a missing environment would make it bare."""
    choices = Choices.of(root)
    resources = protected(project, choices)
    wanted: list[Requirement] = [Team(APPROVERS), Team(REVIEWERS)]
    wanted += [Exists(resource) for resource in resources]
    wanted += [check for resource in resources for check in checks_of(resource)]
    wanted += [*build_services(devops, repository), proposing(repository)]
    for branch in choices.branches:
        wanted += [reviewed(branch, repository), reviewed_by_team(branch, repository)]
    wanted += [Pipeline(name, repository) for name in pipelines_of(project)]
    for name in pipelines_of(project):
        if paths := paths_of_pull_requests(root, name):
            wanted += [built(branch, repository, name, paths) for branch in choices.branches]
    files = frozenset(file.stem for file in (root / PIPELINES).glob("*.yml"))
    return [*wanted, *(Permitted(resource, files) for resource in resources)]


def paths_of_pull_requests(root: Path, pipeline: str) -> list[str]:
    """What the file has under `pr`, which Azure Repos does not read from it."""
    said = yaml.safe_load((root / PIPELINES / f"{pipeline}.yml").read_text())["pr"]
    return [] if said == "none" else [f"/{path}" for path in said["paths"]["include"]]


def make_all(devops: AzureDevOps, wanted: list[Requirement]) -> list[str]:
    """Make what is missing; what it was, a sentence each."""
    made = []
    for one in wanted:
        if missing := one.lacks(devops):
            one.make(devops)
            made.append(missing)
    return made


def missing(devops: AzureDevOps, wanted: list[Requirement]) -> list[str]:
    return [said for one in wanted if (said := one.lacks(devops))]
