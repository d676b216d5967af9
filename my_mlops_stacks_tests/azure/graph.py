"""A rendered pipeline as a graph: its stages, jobs and steps, and which of them a run would start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from my_mlops_stacks_tests.azure.expressions import FUNCTIONS, evaluate

Node = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A job with the stage that it is in."""

    stage: str
    node: Node

    @property
    def name(self) -> str:
        return str(self.node.get("job") or self.node.get("deployment"))

    @property
    def environment(self) -> str | None:
        return self.node.get("environment") if "deployment" in self.node else None

    @property
    def steps(self) -> list[Node]:
        if "deployment" in self.node:
            return self.node["strategy"]["runOnce"]["deploy"]["steps"]
        return self.node["steps"]

    def commands(self) -> Iterator[tuple[Node, str]]:
        """Each step that runs a command, with the command."""
        for step in self.steps:
            command = step.get("bash") or step.get("inputs", {}).get("inlineScript")
            if command:
                yield step, command


def stages(pipeline: Node) -> list[Node]:
    """The stages; a pipeline with jobs alone has one, as Azure names it."""
    return pipeline.get("stages") or [{"stage": "__default", "jobs": pipeline["jobs"]}]


def jobs(pipeline: Node) -> list[Job]:
    return [Job(stage["stage"], job) for stage in stages(pipeline) for job in stage["jobs"]]


def dependencies(nodes: list[Node], key: str) -> dict[str, list[str]]:
    """What each stage waits for, or each job of a stage. Without dependsOn a stage waits for the one before it."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        name = node.get(key, node.get("deployment"))
        before = [list(found)[-1]] if key == "stage" and found else []
        named = node.get("dependsOn", before)
        found[str(name)] = [named] if isinstance(named, str) else list(named)
    return found


class Outputs(dict[str, str]):
    """Variables that steps set, as `job.step.variable`: empty until they are set, but that of no step is unknown."""

    def __init__(self, pipeline: Node, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.steps = {f"{job.name}.{step['name']}" for job in jobs(pipeline) for step in job.steps if "name" in step}

    def __contains__(self, name: object) -> bool:
        return str(name).rpartition(".")[0] in self.steps

    def __missing__(self, name: str) -> str:
        return ""


def results(
    pipeline: Node, reason: str, branch: str, failing: str = "", outputs: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Stage -> Succeeded, Failed or Skipped, of a run on `branch` for which every stage but `failing` succeeds.

    `outputs` are the variables that its steps set, as `job.step.variable`.
    """
    waits = dependencies(stages(pipeline), "stage")
    said: dict[str, str] = {}
    known = Outputs(pipeline, outputs or {})
    variables = pipeline["variables"] | {"Build.Reason": reason, "Build.SourceBranch": f"refs/heads/{branch}"}
    for stage in stages(pipeline):
        before = [said[name] for name in waits[stage["stage"]]]
        runs = holds(stage.get("condition", "succeeded()"), before, variables, known)
        said[stage["stage"]] = ("Failed" if stage["stage"] == failing else "Succeeded") if runs else "Skipped"
    return said


def holds(
    condition: str, before: list[str], variables: dict[str, Any], outputs: Mapping[str, str] | None = None
) -> bool:
    """Whether a stage, job or step starts, after what it depends on ended as `before` says."""
    good = all(result == "Succeeded" for result in before)
    states = {
        "succeeded": lambda: good,
        "always": lambda: True,
        "failed": lambda: "Failed" in before,
        "succeededOrFailed": lambda: "Canceled" not in before,
    }
    names = {"variables": variables, "dependencies": {} if outputs is None else outputs}
    return bool(evaluate(condition, names, {**FUNCTIONS, **states}))
