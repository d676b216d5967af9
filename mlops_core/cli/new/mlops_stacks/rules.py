"""Thresholds of validation, from `validation.py` and from a recipe."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_core.cli.new.mlops_stacks import source_code, syntax
from mlops_core.cli.new.mlops_stacks.bundle import items, section
from mlops_core.cli.new.mlops_stacks.imported import Imported
from mlops_core.tasks import BinaryClassification, Regression

HERE = "validation/validation.py: validation_thresholds"
CUSTOM = "validation/validation.py: custom_metrics"
CHANGES = ("min_absolute_change", "min_relative_change")
ORDER = ("threshold", *CHANGES, "greater_is_better")
"""Arguments of `MetricThreshold` that need no name."""
BIGGER_IS_BETTER = ("greater_is_better", "higher_is_better")


def thresholds_of_code(folder: Path, parameters: dict[str, Any], found: Imported) -> None:
    """What `validation/validation.py` asks of a candidate, by the functions that the job names."""
    file = "validation/validation.py"
    if not (folder / file).is_file():
        found.warn(f"{file} is not there, so no thresholds were read: those of the new project come from its rows.")
        return
    module = syntax.parsed(folder / file)
    known, functions = syntax.literals(module), _functions(module, parameters)
    custom = source_code.metric_names(functions["custom_metrics"])
    for metric in custom:
        found.move(f"the custom metric {metric}", file, CUSTOM)
    if _returns(functions["evaluator_config"]):
        found.move("the evaluator's options", file, "validation/validation.py: evaluator_config")
    for metric, call in source_code.metric_thresholds(functions["validation_thresholds"]):
        _threshold(metric, syntax.arguments(call, known, ORDER), f"{file}, line {call.lineno}", custom, found)


def _functions(module: ast.Module, parameters: dict[str, Any]) -> dict[str, ast.AST]:
    """The functions by their role; the names of them are the job's to say."""
    roles = ("custom_metrics", "validation_thresholds", "evaluator_config")
    named = {role: str(parameters.get(f"{role}_loader_function") or role) for role in roles}
    return {role: syntax.function(module, name) or ast.Module([], []) for role, name in named.items()}


def _returns(tree: ast.AST) -> bool:
    """Whether it returns more than an empty mapping."""
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    return any(not (isinstance(value, ast.Dict) and not value.keys) for value in returned if value is not None)


def _threshold(metric: str, given: dict[str, Any], there: str, custom: list[str], found: Imported) -> None:
    threshold, direction = (
        given.get("threshold"),
        next((given[name] for name in BIGGER_IS_BETTER if name in given), None),
    )
    is_number = isinstance(threshold, int | float) and isinstance(direction, bool)
    if metric in custom or ("threshold" in given and not is_number):
        found.move(f"the threshold of {metric}", there, HERE)
        return
    if is_number:
        add_threshold(found, metric, float(threshold or 0), bool(direction), there)
    for change in CHANGES:
        if given.get(change) is not None:
            found.move(f"{change} of {metric}, {given[change]}", there, HERE)


def thresholds_of_recipe(recipe: dict[str, Any], there: str, found: Imported) -> None:
    """The `validation_criteria` of a recipe; what `validation.py` says of a metric goes before them."""
    custom = {str(each.get("name")) for each in items(recipe, "custom_metrics")}
    for metric, threshold in _criteria(recipe):
        direction = _directions().get(metric)
        if metric in custom or direction is None:
            found.move(f"the threshold of {metric}, {threshold}", there, HERE)
        elif metric not in {each["metric"] for each in found.answers.get("thresholds", ())}:
            add_threshold(found, metric, threshold, direction, there)
    for metric in sorted(custom):
        found.move(f"the custom metric {metric}", "training/steps/custom_metrics.py", CUSTOM)


def _criteria(recipe: dict[str, Any]) -> Iterator[tuple[str, float]]:
    evaluate = section(section(recipe, "steps"), "evaluate")
    for each in items(evaluate, "validation_criteria"):
        if isinstance(each.get("threshold"), int | float):
            yield str(each.get("metric")), float(each["threshold"])


def add_threshold(found: Imported, metric: str, threshold: float, greater_is_better: bool, there: str) -> None:
    reason = f"As in {there} of MLOps Stacks."
    rule = {"metric": metric, "threshold": threshold, "greater_is_better": greater_is_better, "reason": reason}
    found.answers["thresholds"] = (*found.answers.get("thresholds", ()), rule)


def _directions() -> dict[str, bool | None]:
    return {
        metric.name: metric.greater_is_better
        for task in (Regression(), BinaryClassification())
        for metric in task.metrics
    }
