"""What a schema can't see in a rendered pipeline. Each rule gives one sentence for each thing that it finds wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from cicd.azure_devops.wanted import REPOSITORY_CONNECTION
from my_mlops_stacks_tests.azure.graph import Job, Node, Outputs, dependencies, holds, jobs, results, stages

TALKS_TO_DATABRICKS = re.compile(
    r"databricks|bundle\.sh|promotion\.sh|-m \w+ (doctor|integration)\b|deploy_code_location|sign_in_to_cluster"
)
DEPLOYS = re.compile(r"bundle\.sh \w+ deploy (test|staging|prod)|deploy_code_location\.sh .*--target (staging|prod)")
READS = r"scripts/(bundle\.sh \w+ plan prod \S+|promotion\.sh show \w+)"
SECRET = re.compile(
    r"client_?secret|secret_?key|servicePrincipalKey|addSpnToEnvironment|DATABRICKS_TOKEN|ARM_CLIENT_SECRET|\bdapi[0-9a-f]"
    r"|(?<!DAGSTER_PG_)(?<!ALERT_EMAIL_)password|idToken",
    re.IGNORECASE,
)
PRINTS_THE_ENVIRONMENT = re.compile(r"(^|[;&|]\s*)(printenv|env|export -p|declare -x|set -x)\s*($|[;&|])", re.MULTILINE)
PIPED_TO_A_SHELL = re.compile(
    r"(curl|wget)[^\n;&]*\|\s*(sudo\s+)?(ba|z)?sh\b|(ba|z)?sh\s+(-c\s+\"?\$\(|<\()\s*(curl|wget)"
)
UNPINNED_INSTALL = re.compile(r"(pip|uv pip|pipx|npm|apt-get|az extension) (install|add)\b(?!.*(==|@\d|--version \d))")
MACRO = re.compile(r"\$\(([A-Za-z_][\w.]*)\)")
OF_AZURE = ("Agent.", "Build.", "Pipeline.", "System.")
OF_GROUPS = {"DAGSTER_CLOUD_API_TOKEN", "DAGSTER_PG_PASSWORD", "ALERT_TEAMS_WEBHOOK_URL", "ALERT_EMAIL_PASSWORD"}
"""Secrets of the variable groups, which docs/mlops-setup.md has made; nothing else of a group is named in a file."""
SET_BY_A_STEP = re.compile(r"azure_devops_token\.sh (\w+)")

Rule = Callable[[Node], Iterator[str]]


def dependencies_exist(pipeline: Node) -> Iterator[str]:
    groups = [(stages(pipeline), "stage"), *((stage["jobs"], "job") for stage in stages(pipeline))]
    for nodes, key in groups:
        waits = dependencies(nodes, key)
        for name, others in waits.items():
            yield from (
                f"{key} {name} waits for {other}, which does not exist" for other in others if other not in waits
            )
        yield from (f"{key} {name} waits for itself" for name in waits if _reaches(name, name, waits))


def _reaches(start: str, goal: str, waits: dict[str, list[str]], seen: frozenset[str] = frozenset()) -> bool:
    new = [other for other in waits.get(start, []) if other not in seen]
    return goal in waits.get(start, []) or any(_reaches(other, goal, waits, seen | {start}) for other in new)


def conditions_can_be_read(pipeline: Node) -> Iterator[str]:
    for reason in ("PullRequest", "BatchedCI", "ResourceTrigger", "Schedule"):
        for branch in ("main", "release", "other"):
            results(pipeline, reason, branch)
    for job in jobs(pipeline):
        for node in (job.node, *job.steps):
            holds(node.get("condition", "succeeded()"), ["Succeeded"], pipeline["variables"], Outputs(pipeline, {}))
    yield from ()


def what_was_cancelled_does_not_go_on(pipeline: Node) -> Iterator[str]:
    """A condition that asks for no status holds for a run that was cancelled, too."""
    for node in (*stages(pipeline), *(job.node for job in jobs(pipeline))):
        condition = node.get("condition", "succeeded()")
        if not re.search(r"\b(succeeded|succeededOrFailed|failed|always)\(\)", condition):
            yield f"'{condition}' lets a stage or job start after the run was cancelled"


def prod_is_changed_behind_its_environment(pipeline: Node) -> Iterator[str]:
    production, plan = (pipeline["variables"][f"prod{which}ServiceConnection"] for which in ("", "Plan"))
    for job in jobs(pipeline):
        deploys = any(match[1] == "prod" or match[2] == "prod" for match in _deployments(job))
        if deploys and not (job.environment or "").endswith("-prod"):
            yield f"job {job.stage}.{job.name} deploys prod without the environment whose approval guards it"
        for step, command in job.commands():
            if _connection(step) == production and not (job.environment or "").endswith(("-prod", "-promotion")):
                yield f"job {job.stage}.{job.name} is {production} outside of the environment of prod"
            if _connection(step) == plan and not re.fullmatch(READS, command):
                yield f"job {job.stage}.{job.name} does more as {plan} than plan"
            if "promotion.sh promote" in command and not (job.environment or "").endswith("-promotion"):
                yield f"job {job.stage}.{job.name} promotes without the environment whose approval guards it"


def pull_requests_have_no_rights(pipeline: Node) -> Iterator[str]:
    allowed = {None, pipeline["variables"]["testServiceConnection"]}
    if pipeline["pr"] == "none":
        allowed.add(REPOSITORY_CONNECTION)  # whose branch control lets nothing but main use it
    ran = [name for name, result in results(pipeline, "PullRequest", "pull/1/merge").items() if result != "Skipped"]
    for job in jobs(pipeline):
        for step in job.steps:
            if job.stage in ran and _connection(step) not in allowed:
                yield f"job {job.stage}.{job.name} gives a pull request the identity {_connection(step)}"


def databricks_is_called_through_the_azure_cli(pipeline: Node) -> Iterator[str]:
    for job in jobs(pipeline):
        for step, command in job.commands():
            signed_in = (
                step.get("task") == "AzureCLI@2" and step.get("env", {}).get("DATABRICKS_AUTH_TYPE") == "azure-cli"
            )
            if TALKS_TO_DATABRICKS.search(command) and "install_" not in command and not signed_in:
                yield f"'{command}' talks to Databricks outside of AzureCLI@2 with DATABRICKS_AUTH_TYPE=azure-cli"


def deployments_say_their_kind(pipeline: Node) -> Iterator[str]:
    for job in jobs(pipeline):
        for _, command in job.commands():
            kind = re.search(r"--kind (kubernetes|dagster-plus|compose)\b", command)
            if "deploy_code_location.sh" in command and not kind:
                yield f"'{command}' does not say --kind"


def doctor_looks_after_each_deployment(pipeline: Node) -> Iterator[str]:
    for job in jobs(pipeline):
        commands = [command for _, command in job.commands()]
        for position, command in enumerate(commands):
            deployed = DEPLOYS.search(command)
            target = deployed and (deployed[1] or deployed[2])
            if target and not any(f" doctor --target {target}" in later for later in commands[position + 1 :]):
                yield f"job {job.stage}.{job.name} deploys {target}, and no doctor looks at it afterwards"


def bundles_are_deployed_as_planned(pipeline: Node) -> Iterator[str]:
    """With a folder the script plans what it applies; what prod's approver has read comes from a stage before."""
    shown: set[str] = set()
    for job in jobs(pipeline):
        for _, command in job.commands():
            shown |= {plan[1] for plan in re.finditer(r"bundle\.sh \w+ plan (\w+)", command)}
            applied = re.search(r"bundle\.sh \w+ deploy (staging|prod)(.*)", command)
            if applied and "/plan" not in applied[2]:
                yield f"job {job.stage}.{job.name} deploys {applied[1]} without a plan"
            if applied and applied[1] == "prod" and "/plan-prod" not in applied[2]:
                yield f"job {job.stage}.{job.name} deploys prod without the plan that was shown"
            if applied and applied[1] == "prod" and "prod" not in shown:
                yield f"job {job.stage}.{job.name} deploys prod, and no stage before it shows the plan"
            if applied and not job.environment:
                yield f"job {job.stage}.{job.name} plans and deploys {applied[1]} without the lock of an environment"


def tests_are_torn_down(pipeline: Node) -> Iterator[str]:
    every = jobs(pipeline)
    for job in every:
        if not any(re.search(r"bundle\.sh \w+ deploy test", command) for _, command in job.commands()):
            continue
        others = [other for other in every if other.stage == job.stage and _always_destroys(other, job.name)]
        if not others:
            yield f"job {job.stage}.{job.name} deploys the target test, and no job that always runs destroys it"


def _always_destroys(job: Job, after: str) -> bool:
    waits = job.node.get("dependsOn", [])
    if after not in ([waits] if isinstance(waits, str) else waits) or job.node.get("condition") != "always()":
        return False
    return any(
        re.search(r"bundle\.sh \w+ destroy test", command) and step.get("condition") == "always()"
        for step, command in job.commands()
    )


def results_are_published(pipeline: Node) -> Iterator[str]:
    for job in jobs(pipeline):
        tests = any("test_with_reports" in command for _, command in job.commands())
        for task in ("PublishTestResults@2", "PublishCodeCoverageResults@2"):
            published = [step for step in job.steps if step.get("task") == task]
            if tests and not published:
                yield f"job {job.stage}.{job.name} runs tests without {task}"
            for step in published:
                if step.get("condition") not in ("succeededOrFailed()", "always()"):
                    yield f"{task} does not run when tests fail"


def nothing_is_secret(pipeline: Node) -> Iterator[str]:
    for text in _texts(pipeline):
        if found := SECRET.search(text):
            yield f"'{found[0]}' in '{text}' is, or asks for, a secret"
    for job in jobs(pipeline):
        for _, command in job.commands():
            if found := PRINTS_THE_ENVIRONMENT.search(command):
                yield f"'{found[0].strip()}' prints the environment"


def versions_are_pinned(pipeline: Node) -> Iterator[str]:
    for text in _texts(pipeline):
        if re.search(r"\blatest\b", text):
            yield f"'{text}' names no version"
        if UNPINNED_INSTALL.search(text):
            yield f"'{text}' installs whatever is newest"
    for job in jobs(pipeline):
        for step in job.steps:
            wanted = step.get("inputs", {}).get("versionSpec")
            if wanted is not None and not re.fullmatch(r"3\.\d+", str(wanted)):
                yield f"Python '{wanted}' is not one minor version"


def variables_are_defined(pipeline: Node) -> Iterator[str]:
    """Azure passes `$(name)` on as it is written when nothing defines it."""
    for job in jobs(pipeline):
        declared = job.node.get("variables", [])
        known = {item["name"] for item in declared if "name" in item} | pipeline["variables"].keys()
        known |= OF_GROUPS if any("group" in item for item in declared) else set()
        known |= {f"resources.pipeline.{one['pipeline']}.sourceCommit" for one in _resources(pipeline)}
        known |= {name for _, command in job.commands() for name in SET_BY_A_STEP.findall(command)}
        for name in (name for text in _texts(job.node) for name in MACRO.findall(text)):
            if name not in known and not name.startswith(OF_AZURE):
                yield f"job {job.stage}.{job.name} uses $({name}), which nothing defines"


def deployments_wait_for_each_other(pipeline: Node) -> Iterator[str]:
    """With an exclusive lock on the environment; otherwise the newer of two runs ends the older one's wait.

    What a branch starts comes in batches, or the second of two merges would be planned before the first is deployed.
    """
    if not any(job.environment for job in jobs(pipeline)):
        return
    if pipeline.get("lockBehavior") != "sequential":
        yield "the pipeline deploys, and its lockBehavior is not sequential"
    if pipeline["trigger"] != "none" and pipeline["trigger"].get("batch") != "true":
        yield "the pipeline deploys, and starts a run for each merge, whatever is going on"


def main_is_deployed_after_its_tests(pipeline: Node) -> Iterator[str]:
    """By a trigger of the pipeline that tests main, and not when somebody starts it by hand sooner."""
    deploying = [job for job in jobs(pipeline) if job.environment and not job.environment.endswith("-promotion")]
    if not deploying:
        return
    if "main" in pipeline["trigger"]["branches"]["include"]:
        yield "the pipeline deploys, and a push to main starts it whatever its tests say"
    tests = [one for one in _resources(pipeline) if one["source"].endswith("-tests-ci")]
    if not any(
        one.get("branch") == "main"
        and one["trigger"].get("branches") == {"include": ["main"]}
        and {"unit", "integration"} <= set(one["trigger"].get("stages", []))
        for one in tests
    ):
        yield "the pipeline deploys, and no tests of main start it"
    first = next(iter(jobs_that_run_on_main(pipeline)), None)
    if first and not any("scripts/tested.sh" in command for _, command in first.commands()):
        yield f"job {first.stage}.{first.name} does not look whether the tests of main have passed"


def jobs_that_run_on_main(pipeline: Node) -> list[Job]:
    said = results(pipeline, "ResourceTrigger", "main")
    return [job for job in jobs(pipeline) if said[job.stage] == "Succeeded"]


def _resources(pipeline: Node) -> list[Node]:
    return pipeline.get("resources", {}).get("pipelines", [])


def no_secure_file_is_used(pipeline: Node) -> Iterator[str]:
    """They would need the checks of variable groups, which cicd/azure_devops/wanted.py does not list for them."""
    for job in jobs(pipeline):
        yield from (
            f"job {job.stage}.{job.name} takes a secure file"
            for step in job.steps
            if "secureFile" in step.get("inputs", {})
        )


def nothing_is_piped_to_a_shell(pipeline: Node) -> Iterator[str]:
    yield from (f"'{text}' runs what it downloads" for text in _texts(pipeline) if PIPED_TO_A_SHELL.search(text))


RULES: tuple[Rule, ...] = (
    dependencies_exist,
    conditions_can_be_read,
    what_was_cancelled_does_not_go_on,
    prod_is_changed_behind_its_environment,
    pull_requests_have_no_rights,
    databricks_is_called_through_the_azure_cli,
    deployments_say_their_kind,
    doctor_looks_after_each_deployment,
    bundles_are_deployed_as_planned,
    tests_are_torn_down,
    results_are_published,
    nothing_is_secret,
    versions_are_pinned,
    variables_are_defined,
    deployments_wait_for_each_other,
    main_is_deployed_after_its_tests,
    no_secure_file_is_used,
    nothing_is_piped_to_a_shell,
)


def _deployments(job: Job) -> Iterator[re.Match[str]]:
    yield from (match for _, command in job.commands() if (match := DEPLOYS.search(command)))


def _connection(step: Node) -> str | None:
    return step.get("inputs", {}).get("azureSubscription")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node
