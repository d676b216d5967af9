"""Parameters of the jobs' notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_core.cli.new.mlops_stacks.bundle import StacksBundle, items, section
from mlops_core.cli.new.mlops_stacks.imported import FILES, Imported

ANSWERED = ("metric_to_monitor", "metric_violation_threshold")
DEFAULTS = {"num_evaluation_windows": "5", "num_violation_windows": "2"}
"""What a new project says of parameters that no answer has, as texts."""
DECIDED = {
    "run_mode": ("enabled", "a candidate that fails is refused, and dry_run promotes nothing"),
    "enable_baseline_comparison": ("true", "a candidate must also beat the champion"),
}
"""What a new project says of how models are promoted, whatever the old one said, and what that means."""
TABLES = ("training_data_path", "input_table_path")
READ = (
    *("env", "git_source_info", "experiment_name", "model_name", "validation_input", "model_type", "targets"),
    *("input_table_name", "output_table_name", "input_start_date", "input_end_date", "timestamp_column"),
    *("features_transform_module", "primary_keys", "table_name_under_monitor", "custom_metrics_loader_function"),
    *("validation_thresholds_loader_function", "evaluator_config_loader_function"),
    *(*TABLES, *ANSWERED, *DEFAULTS, *DECIDED),
)

Parameters = dict[str, str]


def by_task(bundle: StacksBundle, target: str, workflow: str) -> Iterator[tuple[str, Parameters]]:
    """Each task of a workflow with its parameters, those of its job among them."""
    for _, job in bundle.jobs(target, workflow):
        shared = {str(each.get("name")): each.get("default") for each in items(job, "parameters")}
        for task in items(job, "tasks"):
            own = section(section(task, "notebook_task"), "base_parameters")
            yield str(task.get("task_key")), {str(key): _text(value) for key, value in {**shared, **own}.items()}


def parameters_of(bundle: StacksBundle, target: str, workflow: str) -> Parameters:
    """Those of all tasks."""
    return {name: value for _, each in by_task(bundle, target, workflow) for name, value in each.items()}


def parameters(bundle: StacksBundle, found: Imported) -> None:
    """What is monitored and how models are promoted; of targets that differ the first's, and the others are said."""
    for workflow in FILES:
        stated = {target: parameters_of(bundle, target, workflow) for target in bundle.targets}
        for name in (*ANSWERED, *DEFAULTS, *DECIDED):
            values = {target: each[name] for target, each in stated.items() if name in each}
            if values:
                chosen = next(iter(values.values()))
                found.move_differences(values, chosen, name, workflow, bundle.place(workflow))
                _parameter(name, chosen, workflow, bundle.place(workflow), found)
        for task, each in by_task(bundle, bundle.targets[0], workflow):
            _own_parameters(task, each, workflow, bundle.place(workflow), found)


def _parameter(name: str, value: str, workflow: str, there: str, found: Imported) -> None:
    here = f"{FILES[workflow]}: {name}"
    if name == "metric_violation_threshold":
        try:
            found.answers[name] = float(value)
        except ValueError:
            found.move(f"{name}, '{value}'", there, here)
    elif name in ANSWERED:
        found.answers[name] = value
    elif name in DECIDED:
        ours, meaning = DECIDED[name]
        if value.lower() != ours:
            found.warn(f"{name} is {value} in {there}; in a new project it is {ours}: {meaning}.")
    elif value != DEFAULTS[name]:
        found.move(f"{name}: {value}", there, here)


def _own_parameters(task: str, given: Parameters, workflow: str, there: str, found: Imported) -> None:
    here = "training/train.py: Hyperparameters" if workflow == "model" else FILES[workflow]
    for name, value in given.items():
        if name not in READ and not name.endswith("_features_table"):
            found.move(f"the parameter {name}, '{value}', of {task}", there, here)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
