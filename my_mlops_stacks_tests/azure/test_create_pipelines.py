"""What is made in Azure DevOps for a project, and how each thing that is missing is said, on a server that keeps it."""

from __future__ import annotations

import copy
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cicd.azure_devops.client import AzureDevOps, AzureDevOpsError
from cicd.azure_devops.repository import build_services
from cicd.azure_devops.requirements import make_all, missing, requirements
from cicd.azure_devops.wanted import Choices, protected
from cicd.pipelines import pipelines_of
from my_mlops_stacks_tests.azure.cases import Case, cases
from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.azure.devops_server import COLLECTION_BUILD, IDENTITIES, TOKEN, DevOps, served
from my_mlops_stacks_tests.azure.graph import jobs
from my_mlops_stacks_tests.conftest import ROOT

FOLDER = ROOT / ".azure" / "devops-pipelines"
PROJECT = "my_mlops_stacks"
TEAMS = ("Release approvers", "Code reviewers")
CONTRIBUTE_TO_PULL_REQUESTS, PUSH = 16384, 4


def complete() -> DevOps:
    """The server after a first run, with members in both teams."""
    devops = DevOps()
    with served(devops) as address:
        client = AzureDevOps(address, "mlops", TOKEN)
        make_all(client, requirements(client, ROOT, PROJECT, "taxi"))
        devops.teams = {name: ["one", "another"] for name in TEAMS}
        devops.writes.clear()
        assert missing(client, requirements(client, ROOT, PROJECT, "taxi")) == []
    return devops


@pytest.fixture(scope="module")
def made() -> DevOps:
    return complete()


def check(devops: DevOps, kind: str, name: str, type_: str) -> dict:
    (found,) = [
        one
        for one in devops.checks
        if (one["resource"]["type"], one["resource"]["name"], one["type"]["name"]) == (kind, name, type_)
    ]
    return found


def branches(devops: DevOps, kind: str, name: str) -> str:
    return check(devops, kind, name, "Task Check")["settings"]["inputs"]["allowedBranches"]


def test_prod_waits_for_an_approval_before_any_pipeline_can_run() -> None:
    devops = DevOps()
    with served(devops) as address:
        client = AzureDevOps(address, "mlops", TOKEN)
        make_all(client, requirements(client, ROOT, PROJECT, "taxi"))
    paths = [path.rpartition("_apis/")[2] for _, path, _ in devops.writes]
    first = paths.index("build/definitions")
    assert "pipelines/checks/configurations" not in paths[first:]
    settings = check(devops, "environment", f"{PROJECT}-prod", "Approval")["settings"]
    assert settings["approvers"] == [{"id": "the-approvers"}]
    assert settings["requesterCannotBeApprover"] is True


def test_two_runs_never_change_a_target_at_once(made: DevOps) -> None:
    locked = [one["resource"]["name"] for one in made.checks if one["type"]["name"] == "ExclusiveLock"]
    assert locked == [f"{PROJECT}-staging", f"{PROJECT}-prod", f"{PROJECT}-promotion"]


def test_a_branch_of_somebody_can_use_nothing_of_staging_or_prod(made: DevOps) -> None:
    main, release = "refs/heads/main", "refs/heads/release"
    assert branches(made, "environment", f"{PROJECT}-staging") == main
    assert branches(made, "endpoint", "mlops-staging") == f"{main}, {release}"
    for kind, name in (
        ("environment", f"{PROJECT}-prod"), ("environment", f"{PROJECT}-promotion"),
        ("endpoint", "mlops-prod"), ("endpoint", "mlops-prod-plan"),
        ("variablegroup", "compose-prod"), ("queue", "mlops-prod"),
    ):  # fmt: skip
        assert branches(made, kind, name) == release, name
        assert check(made, kind, name, "Task Check")["settings"]["inputs"]["ensureProtectionOfBranch"] == "true"
    assert not [one for one in made.checks if one["resource"]["name"] == "mlops-test"]


def test_no_pull_request_is_approved_by_its_author_or_by_a_pipeline(made: DevOps) -> None:
    by_branch = {
        (one["settings"]["scope"][0]["refName"], key): one["settings"]
        for one in made.policies
        for key in ("requiredReviewerIds", "resetOnSourcePush")
        if key in one["settings"]
    }
    assert len(by_branch) == 4
    for (_, key), settings in by_branch.items():
        assert (settings["minimumApproverCount"], settings["creatorVoteCounts"]) == (1, False)
        assert settings[key] == (["the-reviewers"] if key == "requiredReviewerIds" else True)
    for name in ("mlops Build Service (acme)", "Project Collection Build Service (acme)"):
        entry = made.rights[IDENTITIES[name]]
        assert (entry["allow"], entry["deny"] & CONTRIBUTE_TO_PULL_REQUESTS, entry["deny"] & PUSH) == (2, 16384, 4)
    own = made.rights[IDENTITIES["mlops-cicd"]]
    assert own["allow"] & (CONTRIBUTE_TO_PULL_REQUESTS | PUSH) == CONTRIBUTE_TO_PULL_REQUESTS | PUSH
    assert own["deny"] & 32768


def test_pull_requests_are_built_by_the_pipelines_of_what_they_change(made: DevOps) -> None:
    found = {
        (one["settings"]["displayName"], one["settings"]["scope"][0]["refName"]): one["settings"]["filenamePatterns"]
        for one in made.policies
        if "buildDefinitionId" in one["settings"]
    }
    assert len(found) == 4
    for (name, _), paths in found.items():
        built = yaml.safe_load((FOLDER / f"{name}.yml").read_text())["pr"]
        assert paths == [f"/{path}" for path in built["paths"]["include"]]


def test_each_pipeline_may_use_what_its_stages_name_and_nothing_is_for_all(made: DevOps) -> None:
    """What they name is read from the rendered pipelines."""
    names = {one["id"]: one["name"] for one in made.definitions}
    found = {
        (resource.kind, resource.name): {names[one["id"]] for one in made.permissions[key]["pipelines"]}
        for resource in protected(PROJECT, Choices.of(ROOT))
        if (key := f"{resource.kind}/{made.resources[resource.kind].get(resource.name)}") in made.permissions
    }
    assert not any(one["allPipelines"]["authorized"] for one in made.permissions.values())
    for resource, pipelines in named().items():
        assert found.get(resource, pipelines) == pipelines, resource


@pytest.mark.parametrize("flow", ["release-branch", "trunk"])
def test_the_list_has_everything_that_a_pipeline_names(flow: str) -> None:
    listed = {
        (one.kind, one.name): set(one.pipelines) for one in protected(PROJECT, replace(Choices.of(ROOT), flow=flow))
    }
    assert listed == named()


def named() -> dict[tuple[str, str], set[str]]:
    """Resource -> the pipelines of the project, and deploy-cicd, which name it in any of their ways."""
    found: dict[tuple[str, str], set[str]] = {}
    own = [case for case in cases(FOLDER) if case.file.stem.startswith((f"{PROJECT}-", "deploy-cicd"))]
    of_a_table = Case(FOLDER / "deploy-cicd.yml", {"ProjectName": "churn", "SourceTable": "a.b.c"}, "trunk")
    for case in (*own, of_a_table):
        for job in jobs(case.rendered()):
            resources = [("environment", job.environment), ("queue", job.node["pool"].get("name"))]
            resources += [("endpoint", step.get("inputs", {}).get("azureSubscription")) for step in job.steps]
            resources += [("variablegroup", one.get("group")) for one in job.node.get("variables", [])]
            for kind, name in resources:
                if name:
                    found.setdefault((kind, name), set()).add(case.file.stem)
    return found


Forget = Callable[[DevOps], object]


def without_check(kind: str, name: str, type_: str) -> Forget:
    return lambda devops: devops.checks.remove(check(devops, kind, name, type_))


def wider(name: str, value: str, key: str = "allowedBranches") -> Forget:
    def forget(devops: DevOps) -> None:
        check(devops, "endpoint", name, "Task Check")["settings"]["inputs"][key] = value

    return forget


def policy(devops: DevOps, key: str) -> dict:
    return next(one for one in devops.policies if key in one["settings"])


FORGOTTEN: list[tuple[Forget, str]] = [
    (
        without_check("environment", f"{PROJECT}-prod", "Task Check"),
        "lacks the check: branch control for refs/heads/rel",
    ),
    (without_check("environment", f"{PROJECT}-staging", "ExclusiveLock"), "-staging lacks the check: exclusive lock"),
    (without_check("endpoint", "mlops-staging", "Task Check"), "service connection mlops-staging lacks the check"),
    (without_check("endpoint", "mlops-prod-plan", "Task Check"), "service connection mlops-prod-plan lacks the check"),
    (without_check("endpoint", "mlops-cicd", "Task Check"), "service connection mlops-cicd lacks the check"),
    (without_check("variablegroup", "compose-prod", "Task Check"), "variable group compose-prod lacks the check"),
    (without_check("queue", "mlops-prod", "Task Check"), "agent pool mlops-prod lacks the check"),
    (wider("mlops-prod", "*"), "service connection mlops-prod lacks the check"),
    (wider("mlops-prod", "refs/heads/release, refs/heads/topic"), "service connection mlops-prod lacks the check"),
    (wider("mlops-prod", "false", "ensureProtectionOfBranch"), "service connection mlops-prod lacks the check"),
    (without_check("environment", f"{PROJECT}-prod", "Approval"), "my_mlops_stacks-prod lacks the check: approval by"),
    (
        without_check("environment", f"{PROJECT}-promotion", "Approval"),
        "my_mlops_stacks-promotion lacks the check: approval by",
    ),
    (
        lambda devops: check(devops, "environment", f"{PROJECT}-prod", "Approval").update(isDisabled=True),
        "lacks the check: approval by Release approvers",
    ),
    (
        lambda devops: check(devops, "environment", f"{PROJECT}-prod", "Approval")["settings"].update(
            requesterCannotBeApprover=False
        ),
        "not by whoever starts the run",
    ),
    (lambda devops: devops.policies.remove(policy(devops, "requiredReviewerIds")), "do not wait for the team Code"),
    (
        lambda devops: policy(devops, "resetOnSourcePush")["settings"].update(creatorVoteCounts=True),
        "do not wait for a reviewer who is not the author",
    ),
    (
        lambda devops: policy(devops, "resetOnSourcePush").update(isBlocking=False),
        "do not wait for a reviewer who is not the author",
    ),
    (lambda devops: devops.policies.remove(policy(devops, "buildDefinitionId")), "do not wait for the pipeline"),
    (
        lambda devops: devops.rights[COLLECTION_BUILD].update(allow=2 | CONTRIBUTE_TO_PULL_REQUESTS, deny=0),
        "Project Collection Build Service (acme) may do more in the repository than read",
    ),
    (lambda devops: devops.rights.pop(IDENTITIES["mlops-cicd"]), "mlops-cicd may not propose a branch"),
    (
        lambda devops: devops.permissions["queue/41"].update(allPipelines={"authorized": True}),
        "Every pipeline may use the agent pool mlops-prod",
    ),
    (
        lambda devops: devops.permissions["endpoint/connection-of-mlops-prod"]["pipelines"].pop(),
        "The pipeline my_mlops_stacks-promotion-cd may not use the service connection mlops-prod",
    ),
    (lambda devops: devops.definitions.pop(0), "There is no pipeline my_mlops_stacks-tests-ci"),
]


@pytest.fixture
def client(made: DevOps) -> Iterator[tuple[DevOps, AzureDevOps]]:
    devops = copy.deepcopy(made)
    with served(devops) as address:
        yield devops, AzureDevOps(address, "mlops", TOKEN)


ROUNDS = 4
"""So many of the list are forgotten apart from each other: those of one check stand beside each other in it."""


@pytest.mark.parametrize("first", range(ROUNDS))
def test_what_somebody_forgot_is_said_and_then_made(client: tuple[DevOps, AzureDevOps], first: int) -> None:
    devops, azure = client
    forgotten = FORGOTTEN[first::ROUNDS]
    for forget, _ in forgotten:
        forget(devops)
    wanted = requirements(azure, ROOT, PROJECT, "taxi")
    said = missing(azure, wanted)
    assert [sentence for _, sentence in forgotten if not any(sentence in one for one in said)] == []
    assert devops.writes == []
    make_all(azure, wanted)
    assert missing(azure, wanted) == []


BY_A_PERSON: list[tuple[Forget, str]] = [
    (lambda devops: devops.teams["Release approvers"].pop(), "has fewer than two members: add them under Project"),
    (
        lambda devops: devops.resources["endpoint"].pop("mlops-prod-plan"),
        "mlops-prod-plan: make it with scripts/create_service_connection.sh mlops-prod-plan",
    ),
    (
        lambda devops: devops.identities.pop("mlops Build Service (acme)"),
        "There is no account mlops Build Service (acme) before the first run of a pipeline: run this without --verify",
    ),
    (lambda devops: devops.identities.pop("mlops-cicd"), "mlops-cicd is no member of the organization: step 2"),
    (
        lambda devops: (
            devops.definitions.append({"id": 7, "name": "theirs"}),
            devops.permissions["endpoint/connection-of-mlops-prod"]["pipelines"].append({"id": 7, "authorized": True}),
        ),
        "The pipeline theirs, of no file here, may use the service connection mlops-prod: take its permission away",
    ),
]


@pytest.mark.parametrize(("forget", "sentence"), BY_A_PERSON, ids=[sentence for _, sentence in BY_A_PERSON])
def test_what_only_a_person_can_do_is_left_and_said(
    client: tuple[DevOps, AzureDevOps], forget: Forget, sentence: str
) -> None:
    devops, azure = client
    forget(devops)
    wanted = requirements(azure, ROOT, PROJECT, "taxi")
    make_all(azure, wanted)
    said = missing(azure, wanted)
    assert [one for one in said if sentence in one], said


def test_what_is_stricter_and_what_is_of_others_is_left_as_it_is(client: tuple[DevOps, AzureDevOps]) -> None:
    devops, azure = client
    policy(devops, "resetOnSourcePush")["settings"]["minimumApproverCount"] = 2
    check(devops, "environment", f"{PROJECT}-prod", "Approval")["settings"]["minRequiredApprovers"] = 2
    check(devops, "endpoint", "mlops-staging", "Task Check")["settings"]["inputs"]["allowedBranches"] = (
        "refs/heads/main"
    )
    devops.policies.append({**policy(devops, "requiredReviewerIds"), "id": 1, "settings": {"requiredReviewerIds": []}})
    of_another_task = {"definitionRef": {"id": "537fdb7a-a601-4537-aa70-92645a2b5ce4", "name": "AzureFunction"}}
    devops.checks.insert(0, {**check(devops, "queue", "mlops-prod", "Task Check"), "settings": of_another_task})
    assert make_all(azure, requirements(azure, ROOT, PROJECT, "taxi")) == []
    assert devops.writes == []


def test_what_azure_devops_refuses_is_one_sentence(client: tuple[DevOps, AzureDevOps]) -> None:
    _, azure = client
    with pytest.raises(AzureDevOpsError, match=r"ended with 401: Who are you\?$"):
        requirements(replace(azure, token="of somebody"), ROOT, PROJECT, "taxi")[0].lacks(replace(azure, token="x"))
    with pytest.raises(AzureDevOpsError, match="has no repository depot: REPOSITORY says which it is"):
        missing(azure, requirements(azure, ROOT, PROJECT, "depot"))


@pytest.fixture
def checkout(project: Path) -> Path:
    """With the pipelines of two projects, and cicd."""
    shutil.copytree(ROOT / "cicd", project / "cicd", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".azure", project / ".azure")
    for path, text in pipelines_of("churn", ROOT).items():
        (project / path).write_text(text)
    (project / ".venv").symlink_to(sys.prefix)
    return project


def test_the_script_makes_what_a_second_project_needs_and_verifies_it(checkout: Path, tools: Tools) -> None:
    devops = complete()
    tools.add("az")
    tools.answer({"az account get-access-token": TOKEN})
    with served(devops) as address:
        place = {"ORGANIZATION": address, "DEVOPS_PROJECT": "mlops", "REPOSITORY": "taxi", "PYTHONPATH": str(checkout)}
        script = checkout / "scripts" / "create_pipelines.sh"
        looked = tools.run(script, "churn", "--verify", **place)
        assert looked.returncode == 1
        assert "missing There is no environment churn-prod: run this without --verify." in looked.stderr
        assert devops.writes == []
        done = tools.run(script, "churn", **place)
        assert (done.returncode, done.stderr) == (0, "")
        assert "fixed   The environment churn-prod lacks the check" in done.stdout
        verified = [tools.run(script, name, "--verify", **place) for name in ("churn", PROJECT)]
    assert [one.returncode for one in verified] == [0, 0]
    assert verified[0].stdout == "The pipelines of churn have everything that they need\n"
    assert TOKEN not in " ".join(word for call in tools.calls() for word in call)


def test_what_the_script_lacks_is_said(checkout: Path, tools: Tools) -> None:
    script = checkout / "scripts" / "create_pipelines.sh"
    assert "Name the project" in tools.run(script).stderr
    assert "Set ORGANIZATION" in tools.run(script, PROJECT).stderr
    tools.add("az")
    place = {"ORGANIZATION": "https://dev.azure.com/acme", "DEVOPS_PROJECT": "mlops", "REPOSITORY": "taxi"}
    refused = tools.run(script, "nobody", **place, PYTHONPATH=str(checkout))
    assert refused.stderr.startswith("The project 'nobody' has no pipelines here")
    elsewhere = {**place, "ORGANIZATION": "https://acme.visualstudio.com", "PYTHONPATH": str(checkout)}
    said = "ORGANIZATION is 'https://acme.visualstudio.com': write it as https://dev.azure.com/acme.\n"
    assert tools.run(script, PROJECT, **elsewhere).stderr == said


def test_an_organization_without_an_account_of_its_own_lacks_nothing(client: tuple[DevOps, AzureDevOps]) -> None:
    devops, azure = client
    del devops.identities["Project Collection Build Service (acme)"]
    assert missing(azure, requirements(azure, ROOT, PROJECT, "taxi")) == []
    devops.rights.clear()
    spelled = replace(azure, project="MLOps")
    assert [one.lacks(replace(azure)) for one in build_services(spelled, "taxi")] == [
        "MLOps Build Service (acme) may do more in the repository than read: run this without --verify.",
        None,
    ]
