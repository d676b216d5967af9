"""What is made in Azure DevOps for a project: asked of the Azure CLI, which only records it here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cicd.pipelines import pipelines_of
from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.conftest import ROOT

PLACE = {"ORGANIZATION": "https://dev.azure.com/acme", "DEVOPS_PROJECT": "mlops", "REPOSITORY": "taxi"}
API = "https://dev.azure.com/acme/mlops/_apis"
REST = "az rest --resource 499b84ac-1321-427f-aa17-267ca6975798 --method"
NOTHING_THERE = {
    f"{REST} post --url {API}/distributedtask/environments": "7",
    "az repos show": "the-repository",
    "az pipelines create": "42",
}
ALL_THERE = {
    f"{REST} get --url {API}/distributedtask/environments": "7",
    f"{REST} get --url {API}/pipelines/checks/configurations": "8",
    "az repos show": "the-repository",
    "az pipelines list": "42",
    "az repos policy list": "9",
}


def value(call: list[str], option: str) -> str:
    return call[call.index(option) + 1]


@pytest.fixture
def created(project: Path, tools: Tools):
    """A function from what is there already to the calls that make something."""

    def run(answers: dict[str, str], *arguments: str) -> list[list[str]]:
        tools.add("az")
        tools.answer(answers)
        for name in ("my_mlops_stacks", "churn"):
            for path, text in pipelines_of(name, ROOT).items():
                (project / path).parent.mkdir(parents=True, exist_ok=True)
                (project / path).write_text(text)
        script = project / "scripts" / "create_pipelines.sh"
        done = tools.run(script, *(arguments or ("my_mlops_stacks", "the-approver")), **PLACE)
        assert done.returncode == 0, done.stderr
        return [call for call in tools.calls() if "create" in call or "post" in call]

    return run


def test_a_new_project_gets_environments_pipelines_and_policies(created) -> None:
    calls = created(NOTHING_THERE)
    environments = [json.loads(value(call, "--body"))["name"] for call in calls if "distributedtask" in " ".join(call)]
    assert environments == ["my_mlops_stacks-staging", "my_mlops_stacks-prod"]
    pipelines = [value(call, "--name") for call in calls if call[1:3] == ["pipelines", "create"]]
    assert pipelines == [
        "my_mlops_stacks-tests-ci",
        "my_mlops_stacks-bundle-cicd",
        "my_mlops_stacks-code-location-cicd",
        "deploy-cicd",
    ]
    policies = [
        (value(call, "--display-name"), value(call, "--branch"), value(call, "--blocking"))
        for call in calls
        if call[1:3] == ["repos", "policy"]
    ]
    kinds = ("my_mlops_stacks-tests-ci", "my_mlops_stacks-bundle-cicd")
    assert policies == [(kind, branch, "true") for kind in kinds for branch in ("main", "release")]


def test_prod_waits_for_an_approval_before_any_pipeline_can_run(created) -> None:
    calls = created(NOTHING_THERE)
    kinds = ["approval" if "checks" in " ".join(call) else call[1] for call in calls]
    assert kinds.index("approval") < kinds.index("pipelines")
    checks = [json.loads(value(call, "--body")) for call in calls if "checks" in " ".join(call)]
    (check,) = [check for check in checks if check["type"]["name"] == "Approval"]
    assert check["resource"] == {"type": "environment", "id": "7", "name": "my_mlops_stacks-prod"}
    assert check["settings"]["approvers"] == [{"id": "the-approver"}]
    assert check["settings"]["requesterCannotBeApprover"] is True


def test_two_runs_never_change_a_target_at_once(created) -> None:
    checks = [json.loads(value(call, "--body")) for call in created(NOTHING_THERE) if "checks" in " ".join(call)]
    locked = [check["resource"]["name"] for check in checks if check["type"]["name"] == "ExclusiveLock"]
    assert locked == ["my_mlops_stacks-staging", "my_mlops_stacks-prod"]


def test_no_pipeline_runs_because_it_was_made(created) -> None:
    calls = [call for call in created(NOTHING_THERE) if call[1:3] == ["pipelines", "create"]]
    assert all(value(call, "--skip-first-run") == "true" for call in calls)
    assert value(calls[0], "--yml-path") == ".azure/devops-pipelines/my_mlops_stacks-tests-ci.yml"


def test_a_second_run_makes_nothing(created) -> None:
    assert created(ALL_THERE) == []


def filters(calls: list[list[str]]) -> dict[str, list[str]]:
    """Pipeline -> the paths whose change makes a pull request wait for it."""
    policies = [call for call in calls if "policy" in call]
    return {value(call, "--display-name"): value(call, "--path-filter").split(";") for call in policies}


def test_pull_requests_are_built_by_the_pipelines_of_what_they_change(created) -> None:
    found = filters(created(NOTHING_THERE))
    for name, paths in found.items():
        trigger = yaml.safe_load((ROOT / ".azure" / "devops-pipelines" / f"{name}.yml").read_text())["trigger"]
        assert paths == [f"/{path}" for path in trigger["paths"]["include"]]
    assert {"/docs/*", "/README.md"} < set(found["my_mlops_stacks-tests-ci"])
    assert "/my_mlops_stacks/databricks.yml" in found["my_mlops_stacks-bundle-cicd"]


def test_pull_requests_of_another_project_are_not_built(created) -> None:
    found = filters(created(NOTHING_THERE, "churn", "the-approver"))
    assert {"/churn/*", "/churn_tests/*", "/mlops_core/*"} < set(found["churn-tests-ci"])
    assert {"/churn/databricks.yml", "/churn/resources/*"} < set(found["churn-bundle-cicd"])
    assert not [path for paths in found.values() for path in paths if path.startswith(("/my_mlops_stacks", "/docs"))]


def test_what_is_missing_is_said(project: Path, tools: Tools) -> None:
    script = project / "scripts" / "create_pipelines.sh"
    assert "Name the project and who approves" in tools.run(script).stderr
    assert "The project 'nobody' has no pipelines here" in tools.run(script, "nobody", "the-approver").stderr
    pipeline = project / ".azure" / "devops-pipelines" / "my_mlops_stacks-tests-ci.yml"
    pipeline.parent.mkdir(parents=True)
    pipeline.touch()
    assert "Set ORGANIZATION" in tools.run(script, "my_mlops_stacks", "the-approver").stderr
