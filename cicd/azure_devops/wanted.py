"""The list of what pipelines use and how each is protected, with what templates/variables.yml chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

MAIN, RELEASE = "refs/heads/main", "refs/heads/release"
APPROVERS, REVIEWERS = "Release approvers", "Code reviewers"
"""Teams of the Azure DevOps project: who approves prod, and whose review every pull request needs."""
REPOSITORY_CONNECTION = "mlops-cicd"
"""The service connection as which deploy-cicd pushes its branch, and opens its pull request."""
PIPELINES = Path(".azure/devops-pipelines")


@dataclass(frozen=True)
class Choices:
    """What a platform engineer has chosen for every project of the repository."""

    flow: str
    test: str
    staging: str
    prod: str
    prod_plan: str

    @staticmethod
    def of(root: Path) -> Choices:
        chosen = yaml.safe_load((root / PIPELINES / "templates" / "variables.yml").read_text())["variables"]
        test, staging, prod, plan = (chosen[f"{of}ServiceConnection"] for of in ("test", "staging", "prod", "prodPlan"))
        return Choices(chosen["flow"], test, staging, prod, plan)

    @property
    def branches(self) -> tuple[str, ...]:
        return (MAIN, RELEASE) if self.flow == "release-branch" else (MAIN,)

    @property
    def prod_branch(self) -> str:
        return self.branches[-1]


@dataclass(frozen=True)
class Protected:
    """A resource of pipelines; kinds are those of Azure's API: environment, endpoint, variablegroup, queue.

    `branches`: from which alone it may be used, any where there are none. `optional`: only some ways to deploy use it.
    """

    kind: str
    name: str
    pipelines: tuple[str, ...]
    branches: tuple[str, ...] = ()
    approved: bool = False
    one_at_a_time: bool = False
    optional: bool = False


def pipelines_of(project: str) -> tuple[str, ...]:
    own = ("tests-ci", "bundle-cicd", "code-location-cicd", "promotion-cd")
    return (*(f"{project}-{name}" for name in own), "deploy-cicd")


def protected(project: str, choices: Choices) -> list[Protected]:
    """Every resource that a pipeline of `project` names."""
    tests, bundle, code_location, promotion, deploy_cicd = pipelines_of(project)
    deploying, both, prod = (bundle, code_location), choices.branches, (choices.prod_branch,)
    found = [
        Protected("environment", f"{project}-staging", deploying, (MAIN,), one_at_a_time=True),
        Protected("environment", f"{project}-prod", deploying, prod, approved=True, one_at_a_time=True),
        Protected("environment", f"{project}-promotion", (promotion,), prod, approved=True, one_at_a_time=True),
        Protected("endpoint", choices.test, (tests, bundle, deploy_cicd)),
        # On release, too, the image is looked for as staging's identity.
        Protected("endpoint", choices.staging, deploying, both),
        Protected("endpoint", choices.prod_plan, (bundle, promotion), prod),
        Protected("endpoint", choices.prod, (*deploying, promotion), prod),
        Protected("endpoint", REPOSITORY_CONNECTION, (deploy_cicd,), (MAIN,)),
    ]
    for target, branches in (("staging", (MAIN,)), ("prod", prod)):
        for kind in ("dagster-plus", "compose"):
            found.append(Protected("variablegroup", f"{kind}-{target}", (code_location,), branches, optional=True))
        found.append(Protected("queue", f"mlops-{target}", (code_location,), branches, optional=True))
    return found
