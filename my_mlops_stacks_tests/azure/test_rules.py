"""Each rule about pipelines fails on a pipeline that breaks it: the real ones, with one line changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from my_mlops_stacks_tests.azure.cases import cases
from my_mlops_stacks_tests.azure.expressions import ExpressionError
from my_mlops_stacks_tests.azure.rendering import RenderError, render
from my_mlops_stacks_tests.azure.rules import RULES
from my_mlops_stacks_tests.azure.test_pipelines import PIPELINES

Edit = Callable[[Path], None]


def replaced(file: str, old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text, f"{file} has no {old!r} to break"
        (folder / file).write_text(text.replace(old, new))

    return edit


TESTS, BUNDLE, CODE = "templates/tests-stages.yml", "templates/bundle-target.yml", "templates/code-location-target.yml"
SET_UP, DATABRICKS = "templates/set-up.yml", "templates/databricks.yml"
CHOSEN = yaml.safe_load((PIPELINES / "templates" / "variables.yml").read_text())["variables"]
BUNDLE_PIPELINE, CODE_PIPELINE = "my_mlops_stacks-bundle-cicd.yml", "my_mlops_stacks-code-location-cicd.yml"
CODE_STAGES = "templates/code-location-stages.yml"
BROKEN = [
    ("dependencies_exist", replaced(TESTS, "dependsOn: unit", "dependsOn: units"), "units, which does not exist"),
    ("dependencies_exist", replaced(TESTS, "dependsOn: materialize", "dependsOn: tear_down"), "waits for itself"),
    (
        "what_was_cancelled_does_not_go_on",
        replaced("templates/bundle-stages.yml", "and(succeeded(), ", "and(true, "),
        "after the run was cancelled",
    ),
    (
        "prod_is_changed_behind_its_environment",
        replaced(BUNDLE, "-${{ parameters.target }}\n        pool", "\n        pool"),
        "deploys prod without",
    ),
    (
        "prod_is_changed_behind_its_environment",
        replaced(BUNDLE, "bundle.sh ${{ parameters.project }} plan", "bundle.sh ${{ parameters.project }} deploy"),
        "does more as mlops-prod-plan than plan",
    ),
    (
        "prod_is_changed_behind_its_environment",
        replaced(BUNDLE, "parameters.planServiceConnection", "parameters.serviceConnection"),
        "outside of the environment of prod",
    ),
    (
        "no_secure_file_is_used",
        replaced(SET_UP, "versionSpec: ", "secureFile: key.pem\n      versionSpec: "),
        "takes a secure file",
    ),
    (
        "prod_is_changed_behind_its_environment",
        replaced(CODE, "environment: ${{ parameters.project }}-${{ parameters.target }}", "environment: any"),
        "deploys prod without",
    ),
    (
        "pull_requests_have_no_rights",
        replaced("templates/bundle-stages.yml", "parameters.testServiceConnection", "parameters.prodServiceConnection"),
        f"gives a pull request the identity {CHOSEN['prodServiceConnection']}",
    ),
    (
        "pull_requests_have_no_rights",
        replaced(
            "templates/bundle-stages.yml",
            "and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'), ",
            "or(succeeded(), ",
        ),
        f"gives a pull request the identity {CHOSEN['stagingServiceConnection']}",
    ),
    (
        "databricks_is_called_through_the_azure_cli",
        replaced(TESTS, "bash: make lint", "bash: databricks bundle validate"),
        "outside of AzureCLI@2",
    ),
    (
        "databricks_is_called_through_the_azure_cli",
        replaced(DATABRICKS, "DATABRICKS_AUTH_TYPE: azure-cli", "DATABRICKS_AUTH_TYPE: pat"),
        "outside of AzureCLI@2",
    ),
    ("deployments_say_their_kind", replaced(CODE, "--kind ${{ parameters.kind }} ", ""), "does not say --kind"),
    ("doctor_looks_after_each_deployment", replaced(CODE, " doctor --target", " doctor --targets"), "no doctor"),
    ("doctor_looks_after_each_deployment", replaced(BUNDLE, " doctor ", " nurse "), "no doctor"),
    ("doctor_looks_after_each_deployment", replaced(TESTS, " doctor ", " nurse "), "deploys test, and no doctor"),
    (
        "bundles_are_deployed_as_planned",
        replaced(BUNDLE, ' "$(Pipeline.Workspace)/plan-prod"', ""),
        "without the plan that was shown",
    ),
    (
        "bundles_are_deployed_as_planned",
        replaced(BUNDLE, 'deploy staging "$(Build.ArtifactStagingDirectory)/plan"', "deploy staging"),
        "deploys staging without a plan",
    ),
    (
        "bundles_are_deployed_as_planned",
        replaced(BUNDLE, "bundle.sh ${{ parameters.project }} plan", "bundle.sh ${{ parameters.project }} validate"),
        "no stage before it",
    ),
    (
        "bundles_are_deployed_as_planned",
        replaced(BUNDLE, "        environment: ${{ parameters.project }}-${{ parameters.target }}\n", ""),
        "without the lock",
    ),
    (
        "tests_are_torn_down",
        replaced(TESTS, "condition: always()\n        pool", "condition: succeeded()\n        pool"),
        "always",
    ),
    (
        "tests_are_torn_down",
        replaced(TESTS, "bundle.sh ${{ parameters.project }} destroy", "bundle.sh ${{ parameters.project }} validate"),
        "always",
    ),
    (
        "results_are_published",
        replaced(TESTS, "condition: succeededOrFailed()", "enabled: true"),
        "does not run",
    ),
    ("results_are_published", replaced(TESTS, "PublishTestResults@2", "PublishTestResultsOf@2"), "runs tests without"),
    (
        "nothing_is_secret",
        replaced(DATABRICKS, "MLOPS_TARGET: $", "ARM_CLIENT_SECRET: $"),
        "secret",
    ),
    ("nothing_is_secret", replaced(DATABRICKS, "keepAzSessionActive", "addSpnToEnvironment"), "secret"),
    ("nothing_is_secret", replaced(SET_UP, "bash: scripts/setup.sh", "bash: env"), "prints the environment"),
    ("versions_are_pinned", replaced("templates/variables.yml", "ubuntu-24.04", "ubuntu-latest"), "names no version"),
    ("versions_are_pinned", replaced("templates/variables.yml", '"3.12"', '"3.x"'), "not one minor version"),
    ("versions_are_pinned", replaced(SET_UP, "scripts/setup.sh", "pip install uv"), "whatever is newest"),
    (
        "variables_are_defined",
        replaced(CODE, "DAGSTER_PG_PASSWORD: $(DAGSTER_PG_PASSWORD)", "DAGSTER_PG_PASSWORD: $(PG_PASSWORD)"),
        "uses $(PG_PASSWORD), which nothing defines",
    ),
    ("variables_are_defined", replaced(CODE, "- name: image", "- name: picture"), "uses $(image), which nothing"),
    ("variables_are_defined", replaced(CODE, "- group: ", "- name: "), "uses $(DAGSTER_PG_PASSWORD), which nothing"),
    (
        "deployments_wait_for_each_other",
        replaced(BUNDLE_PIPELINE, "lockBehavior: sequential", "lockBehavior: runLatest"),
        "not sequential",
    ),
    (
        "deployments_wait_for_each_other",
        replaced(BUNDLE_PIPELINE, '  batch: "true"\n', ""),
        "starts a run for each merge",
    ),
    (
        "main_is_deployed_after_its_tests",
        replaced(CODE_PIPELINE, "include: [release]", "include: [main, release]"),
        "whatever its tests say",
    ),
    (
        "main_is_deployed_after_its_tests",
        replaced(BUNDLE_PIPELINE, "[unit, integration]", "[unit]"),
        "no tests of main",
    ),
    ("main_is_deployed_after_its_tests", replaced(BUNDLE, "scripts/tested.sh", "scripts/told.sh"), "does not look"),
    ("main_is_deployed_after_its_tests", replaced(CODE_STAGES, "scripts/tested.sh", "true"), "does not look"),
    ("variables_are_defined", replaced(BUNDLE_PIPELINE, "pipeline: tests", "pipeline: test"), "which nothing defines"),
    (
        "nothing_is_piped_to_a_shell",
        replaced(SET_UP, "scripts/setup.sh", "curl -fsSL https://example.invalid/install.sh | sudo sh"),
        "runs what it downloads",
    ),
]


@pytest.mark.parametrize(("rule", "edit", "sentence"), BROKEN, ids=[f"{rule}-{part}" for rule, _, part in BROKEN])
def test_each_rule_can_fail(tmp_path: Path, rule: str, edit: Edit, sentence: str) -> None:
    folder = tmp_path / "pipelines"
    shutil.copytree(PIPELINES, folder)
    edit(folder)
    (broken,) = [found for found in RULES if found.__name__ == rule]
    said = [text for case in cases(folder) for text in broken(case.rendered())]
    assert any(sentence in text for text in said), said


UNREADABLE = [
    (replaced(TESTS, "template: set-up.yml", "template: setup.yml"), RenderError, "does not exist"),
    (replaced(TESTS, "target: test\n", "\n"), RenderError, "needs the parameter target"),
    (replaced(TESTS, "target: test\n", "target: tests\n"), RenderError, "not one of"),
    (replaced(TESTS, "tools: databricks", "tool: databricks"), RenderError, "has no parameter tool"),
    (replaced(TESTS, "steps:\n", "steps: &steps\n"), RenderError, "YAML anchor"),
    (replaced(SET_UP, "parameters.tools", "parameters.fodler"), ExpressionError, "which nothing defines"),
]


@pytest.mark.parametrize(("edit", "error", "sentence"), UNREADABLE, ids=[found[2] for found in UNREADABLE])
def test_a_pipeline_that_azure_would_not_start_is_not_read(
    tmp_path: Path, edit: Edit, error: type[Exception], sentence: str
) -> None:
    folder = tmp_path / "pipelines"
    shutil.copytree(PIPELINES, folder)
    edit(folder)
    with pytest.raises(error, match=sentence):
        render(folder / "my_mlops_stacks-tests-ci.yml", {})


def test_a_condition_that_nobody_can_read_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    shutil.copytree(PIPELINES, folder)
    replaced(TESTS, "condition: always()", "condition: allways()")(folder)
    (rule,) = [found for found in RULES if found.__name__ == "conditions_can_be_read"]
    with pytest.raises(ExpressionError, match="allways"):
        list(rule(render(folder / "my_mlops_stacks-tests-ci.yml", {})))
