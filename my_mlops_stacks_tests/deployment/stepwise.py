"""A training that is taken step by step by hand, as a cluster takes its steps, beside others on the same state."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.api import create_execution_plan, execute_plan
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.state import KnownExecutionState

from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.pipeline_runs import Pipeline

TRAIN, LEAK, JUDGE, CHALLENGE, SHADOW, PROMOTE = STEPS = (
    "fare_model",
    "fare_model_features_are_known_in_time",
    "candidate_validation",
    "challenger",
    "challenger_predicts_what_the_champion_predicted",
    "champion",
)
OUTPUTS = ("fare_model", "challenger")
"""Steps whose outputs others load."""


def job(name: str = "model_training_job") -> Any:
    """The job as a run worker loads it; the target is that of the environment."""
    location = ReconstructableRepository.for_module(
        "my_mlops_stacks.definitions", "defs", working_directory=str(PROJECT.folder.parent)
    )
    return location.get_reconstructable_job(name)


class Training:
    """A run of `model_training_job` of which `take` executes one step at a time, until one fails or refuses.

    With `repeats`, it repeats another run for the asset `challenger` alone.
    """

    def __init__(self, made: Pipeline, repeats: Training | None = None, **config: Any) -> None:
        self.made, self.config = made, {"ops": {op: {"config": values} for op, values in config.items()}}
        self.job = made.definitions.resolve_job_def("model_training_job")
        self.steps, self.why = list(STEPS), ""
        lineage: dict[str, Any] = {}
        if repeats:
            self.steps, part = [CHALLENGE], frozenset({dg.AssetKey(CHALLENGE)})
            self.job = self.job.get_subset(asset_selection=part, asset_check_selection=frozenset())
            lineage = {"parent_run_id": repeats.run_id, "root_run_id": repeats.run_id, "asset_selection": part}
        self.run = made.instance.create_run_for_job(self.job, run_config=self.config, **lineage)

    @property
    def run_id(self) -> str:
        return self.run.run_id

    def take(self, step: str | None = None) -> bool:
        """Execute the next step (or those up to `step`); False once one has failed, with `why`."""
        while self.steps and not self.why:
            key = self.steps.pop(0)
            self._execute(key)
            if step in (None, key):
                break
        return not self.why

    def _execute(self, key: str) -> None:
        ready = {StepOutputHandle(output, "result") for output in OUTPUTS}
        known = KnownExecutionState(ready_outputs=ready)
        plan = create_execution_plan(self.job, self.config, step_keys_to_execute=[key], known_state=known)
        run = self.made.instance.get_run_by_id(self.run_id)
        events = execute_plan(plan, InMemoryJob(self.job), self.made.instance, run, self.config)
        failed = [event.step_failure_data.error for event in events if event.is_step_failure]
        self.why = str(failed[0].cause or failed[0]) if failed else self._refused(key)

    def _refused(self, key: str) -> str:
        """What the step said when it refused the version, which is no failure."""
        logged = self.made.instance.all_logs(self.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION)
        told = [entry.dagster_event for entry in logged if entry.dagster_event.step_key == key]
        return str(told[0].asset_observation_data.asset_observation.description) if told else ""
