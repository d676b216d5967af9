"""Every pipeline with every combination of its parameters: what Azure would run, read without Azure."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from my_mlops_stacks_tests.azure.cases import Case, cases
from my_mlops_stacks_tests.azure.graph import jobs, results
from my_mlops_stacks_tests.azure.rendering import RenderError
from my_mlops_stacks_tests.azure.rules import RULES, Rule
from my_mlops_stacks_tests.conftest import ROOT

PIPELINES = ROOT / ".azure" / "devops-pipelines"
CASES = list(cases(PIPELINES))
RENDERED = [(case, case.rendered()) for case in CASES]
NOT_IN_THE_SCHEMA = "PublishCodeCoverageResults@2"
"""check-jsonschema's copy of the schema lists this task's name, but not its inputs, so that no use of it is valid."""
CHECK = ("--builtin-schema", "vendor.azure-pipelines", "--data-transform", "azure-pipelines")


def named(file: str, flow: str = "release-branch", **parameters: str) -> Case:
    return Case(PIPELINES / f"{file}.yml", parameters, flow)


def check_schema(files: list[Path]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", *CHECK, "--regex-variant", "nonunicode", *map(str, files)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def written(pipeline: dict, file: Path) -> Path:
    """The pipeline in a file, without the task that the schema does not know."""
    known = copy.deepcopy(pipeline)
    for job in jobs(known):
        job.steps[:] = [step for step in job.steps if step.get("task") != NOT_IN_THE_SCHEMA]
    file.write_text(yaml.safe_dump(known, sort_keys=False))
    return file


def test_every_combination_of_parameters_is_here() -> None:
    """Of this project: the repository may have others."""
    own = [case for case in CASES if case.file.name.startswith("my_mlops_stacks-")]
    assert [str(case) for case in own if case.flow == "trunk"] == [
        "my_mlops_stacks-bundle-cicd-trunk",
        "my_mlops_stacks-code-location-cicd-trunk-kubernetes-of_this_commit",
        "my_mlops_stacks-code-location-cicd-trunk-dagster-plus-of_this_commit",
        "my_mlops_stacks-code-location-cicd-trunk-compose-of_this_commit",
        "my_mlops_stacks-promotion-cd-trunk-second_project-second_project-the_only_one",
        "my_mlops_stacks-tests-ci-trunk",
    ]
    assert len(own) == 12
    assert len([case for case in CASES if case.file.stem == "deploy-cicd"]) == 3  # kinds of problems


def test_the_schema_of_azure_pipelines_accepts_every_combination(tmp_path: Path) -> None:
    files = [written(pipeline, tmp_path / f"{case}.yml") for case, pipeline in RENDERED]
    checked = check_schema([*files, *PIPELINES.glob("*.yml")])
    assert checked.returncode == 0, checked.stdout


def test_the_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    pipeline = named("my_mlops_stacks-tests-ci").rendered()
    pipeline["stages"][0]["jobs"][0]["stpes"] = pipeline["stages"][0]["jobs"][0].pop("steps")
    file = tmp_path / "wrong.yml"
    file.write_text(yaml.safe_dump(pipeline))
    assert check_schema([file]).returncode == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_combination_keeps_the_rules(rule: Rule) -> None:
    assert {str(case): found for case, pipeline in RENDERED if (found := list(rule(pipeline)))} == {}


# What runs: flow, reason, branch -> the stages of the bundle's pipeline, and those of the code location's.
RUNS = [
    ("release-branch", "PullRequest", "pull/7/merge", ["validate"], []),
    ("release-branch", "ResourceTrigger", "main", ["deploy_staging"], ["image", "staging"]),
    ("release-branch", "BatchedCI", "release", ["plan_prod", "deploy_prod"], ["image", "prod"]),
    ("release-branch", "Manual", "topic", [], []),
    ("trunk", "PullRequest", "pull/7/merge", ["validate"], []),
    (
        "trunk",
        "ResourceTrigger",
        "main",
        ["deploy_staging", "plan_prod", "deploy_prod"],
        ["image", "staging", "prod"],
    ),
    ("trunk", "Manual", "topic", [], []),
]


@pytest.mark.parametrize(("flow", "reason", "branch", "of_bundle", "of_code_location"), RUNS)
def test_which_stages_run(
    flow: str, reason: str, branch: str, of_bundle: list[str], of_code_location: list[str]
) -> None:
    def ran(case: Case) -> list[str]:
        return [stage for stage, said in results(case.rendered(), reason, branch).items() if said == "Succeeded"]

    assert ran(named("my_mlops_stacks-bundle-cicd", flow)) == of_bundle
    assert ran(named("my_mlops_stacks-code-location-cicd", flow, deploymentKind="compose")) == of_code_location


@pytest.mark.parametrize("flow", ["release-branch", "trunk"])
def test_prod_waits_for_a_staging_that_succeeded_where_one_run_does_both(flow: str) -> None:
    said = results(named("my_mlops_stacks-bundle-cicd", flow).rendered(), "ResourceTrigger", "main", "deploy_staging")
    assert (said["plan_prod"], said["deploy_prod"]) == ("Skipped", "Skipped")
    code = named("my_mlops_stacks-code-location-cicd", flow, deploymentKind="kubernetes").rendered()
    assert results(code, "ResourceTrigger", "main", "staging")["prod"] == "Skipped"


@pytest.mark.parametrize("flow", ["release-branch", "trunk"])
def test_staging_and_prod_get_the_image_that_one_stage_names(flow: str) -> None:
    pipeline = named("my_mlops_stacks-code-location-cicd", flow, deploymentKind="kubernetes").rendered()
    commands = [command for job in jobs(pipeline) for _, command in job.commands()]
    assert len([command for command in commands if "image_of_commit.sh" in command]) == 1
    assert not any("build_image" in command for command in commands)
    images = {re.search(r"--image (\S+)", command)[1] for command in commands if "--image" in command}
    assert images == {'"$(image)"'}
    variable = {"name": "image", "value": "$[ stageDependencies.image.image.outputs['reference.image'] ]"}
    for stage in pipeline["stages"][1:]:
        assert "image" in stage["dependsOn"]
        assert [variable in job["variables"] for job in stage["jobs"]] == [True]


def test_an_earlier_image_reaches_the_script_as_a_value_and_not_as_code() -> None:
    """Whoever starts the run types it."""
    pipeline = named("my_mlops_stacks-code-location-cicd", image="$(rm -rf)").rendered()
    (found,) = [step for job in jobs(pipeline) for step, command in job.commands() if "image_of_commit" in command]
    assert found["env"] == {"EARLIER_IMAGE": "$(rm -rf)"}
    assert "rm -rf" not in found["inputs"]["inlineScript"]


def test_deployments_follow_stages_of_the_tests_that_exist() -> None:
    pipeline = named("my_mlops_stacks-bundle-cicd").rendered()
    (tests,) = pipeline["resources"]["pipelines"]
    assert (PIPELINES / f"{tests['source']}.yml").exists()
    stages = {stage["stage"] for stage in named(tests["source"]).rendered()["stages"]}
    assert set(tests["trigger"]["stages"]) < stages


@pytest.mark.parametrize(
    ("reason", "branch", "only_docs", "said"),
    [
        ("PullRequest", "pull/7/merge", "true", "Skipped"),
        ("PullRequest", "pull/7/merge", "", "Succeeded"),
        ("BatchedCI", "main", "true", "Succeeded"),  # the words came last, and the code before them
        ("Schedule", "main", "", "Succeeded"),
    ],
)
def test_a_pull_request_of_words_takes_no_cluster(reason: str, branch: str, only_docs: str, said: str) -> None:
    pipeline = named("my_mlops_stacks-tests-ci").rendered()
    outputs = {"unit.changes.onlyDocs": only_docs}
    ran = results(pipeline, reason, branch, outputs=outputs)
    assert (ran["unit"], ran["integration"]) == ("Succeeded", said)


def test_words_on_main_start_nothing() -> None:
    """They were tested as a pull request, and are again at night."""
    pipeline = named("my_mlops_stacks-tests-ci").rendered()
    assert pipeline["trigger"]["paths"]["exclude"] == ["**/*.md"]
    assert not {"docs/*", "README.md"} & set(pipeline["trigger"]["paths"]["include"])
    assert {"docs/*", "README.md"} < set(pipeline["pr"]["paths"]["include"])


def test_the_slow_proofs_run_at_night() -> None:
    pipeline = named("my_mlops_stacks-tests-ci").rendered()
    assert [schedule["branches"]["include"] for schedule in pipeline["schedules"]] == [["main"]]
    assert results(pipeline, "Schedule", "main")["slow"] == "Succeeded"
    assert results(pipeline, "PullRequest", "pull/7/merge")["slow"] == "Skipped"


@pytest.mark.parametrize(
    ("kind", "secrets"),
    [
        ("kubernetes", set()),
        ("dagster-plus", {"DAGSTER_CLOUD_API_TOKEN"}),
        ("compose", {"DAGSTER_PG_PASSWORD", "ALERT_TEAMS_WEBHOOK_URL", "ALERT_EMAIL_PASSWORD"}),
    ],
)
def test_a_deployment_gets_the_secret_of_its_kind_and_not_the_sign_in_of_the_pipeline(
    kind: str, secrets: set[str]
) -> None:
    pipeline = named("my_mlops_stacks-code-location-cicd", deploymentKind=kind).rendered()
    deploys = [found for job in jobs(pipeline) for found in job.commands() if "deploy_code_location" in found[1]]
    assert len(deploys) == 2
    for step, command in deploys:
        given = set(step["env"]) - {"DATABRICKS_AUTH_TYPE", "DATABRICKS_BUNDLE_ENGINE", "MLOPS_TARGET"}
        assert given == secrets
        assert command.startswith("env --unset DATABRICKS_AUTH_TYPE ")


def test_tests_get_names_of_their_own_run() -> None:
    pipeline = named("my_mlops_stacks-tests-ci").rendered()
    environments = [
        step["env"] for job in jobs(pipeline) for step in job.steps if step.get("env", {}).get("MLOPS_TARGET") == "test"
    ]
    assert len(environments) == 4
    for environment in environments:
        assert environment["BUNDLE_VAR_schema"] == "my_mlops_stacks_ci_$(Build.BuildId)"
        assert environment["BUNDLE_VAR_experiment"] == "/Shared/my_mlops_stacks-ci-$(Build.BuildId)"


def test_the_pipeline_that_sets_up_projects_stands_alone_and_agrees_with_the_others() -> None:
    """A repository that has the archive alone has no templates yet."""
    text = (PIPELINES / "deploy-cicd.yml").read_text()
    assert "- template:" not in text
    chosen = yaml.safe_load((PIPELINES / "templates" / "variables.yml").read_text())["variables"]
    for name in ("vmImage", "pythonVersion", "testServiceConnection"):
        assert re.search(rf": \"?{re.escape(str(chosen[name]))}\"?$", text, re.MULTILINE), name


def test_what_somebody_types_for_a_new_project_reaches_the_script_as_values() -> None:
    typed = {"ProjectName": "churn", "SourceTable": "a.b.$(c)", "Label": "late", "Workspace": "https://adb-1"}
    pipeline = named("deploy-cicd", **typed).rendered()
    (step,) = [step for job in jobs(pipeline) for step, command in job.commands() if "deploy_cicd.sh" in command]
    assert step["inputs"]["inlineScript"] == "scripts/deploy_cicd.sh"
    assert (step["env"]["SOURCE_TABLE"], step["env"]["LABEL"]) == ("a.b.$(c)", "late")
    assert step["env"]["DATABRICKS_HOST"] == "https://adb-1"
    assert "EVENT_TIME" not in step["env"]
    assert [rule.__name__ for rule in RULES if list(rule(pipeline))] == ["variables_are_defined"]  # that of the name


def test_a_kind_of_deployment_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RenderError, match="'swarm', not one of"):
        named("my_mlops_stacks-code-location-cicd", deploymentKind="swarm").rendered()
    with pytest.raises(RenderError, match="'trnk', not one of"):
        named("my_mlops_stacks-bundle-cicd", flow="trnk").rendered()
