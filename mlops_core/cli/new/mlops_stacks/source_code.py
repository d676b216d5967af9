"""What the code of a project says literally: thresholds, metrics, look-ups, windows, hyperparameters, secrets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_core.cli.new.mlops_stacks.syntax import Expression, arguments, calls, last, literals, value_of

PARAMETERS = re.compile(r"(\w*_)?(hyper)?param(eter)?s?")


@dataclass(frozen=True)
class LookUp:
    """A `FeatureLookup`: the columns of the rows by which it looks up, and the features that it takes."""

    keys: tuple[str, ...]
    features: tuple[str, ...]


def metric_thresholds(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Metric and `MetricThreshold(...)`, as an item of a mapping or assigned to one."""
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            pairs = [(node.targets[0].slice, node.value)]
        for key, value in pairs:
            is_threshold = isinstance(value, ast.Call) and last(value.func) == "MetricThreshold"
            if isinstance(value, ast.Call) and is_threshold and isinstance(key, ast.Constant):
                yield str(key.value), value


def metric_names(tree: ast.AST) -> list[str]:
    """The metrics that `make_metric` makes."""
    made = [{keyword.arg: keyword.value for keyword in call.keywords} for call in calls(tree, "make_metric")]
    return [
        str(name.value) if isinstance(name := given.get("name"), ast.Constant) else last(given["eval_fn"])
        for given in made
        if "name" in given or "eval_fn" in given
    ]


def look_ups(tree: ast.AST) -> list[LookUp]:
    given = [arguments(call, {}) for call in calls(tree, "FeatureLookup")]
    return [LookUp(_texts(each.get("lookup_key")), _texts(each.get("feature_names"))) for each in given]


def labels(tree: ast.AST) -> list[str]:
    """The columns that training sets are made for."""
    stated = [arguments(call, {}).get("label") for call in calls(tree, "create_training_set")]
    return [label for each in stated for label in _texts(each)]


def windows(tree: ast.AST) -> list[str]:
    """Lengths of windows of time, and their slides: `1 hour`, `15 minutes`."""
    found = [[value_of(argument, {}) for argument in call.args[1:]] for call in calls(tree, "window")]
    return [" every ".join(str(each) for each in lengths if each) for lengths in found]


def aggregates(tree: ast.AST) -> list[str]:
    """Aggregates with their names: `name = mean(column)`."""
    found = []
    for call in calls(tree, "alias"):
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(inner, ast.Call) and inner.args:
            of = inner.args[0]
            if isinstance(of, ast.Constant) and isinstance(of.value, str) and last(inner.func) != "col":
                found.append(f"{call.args[0].value!s} = {last(inner.func)}({of.value})")
    return found


def hyperparameters(module: ast.Module) -> dict[str, Any]:
    """Mappings of literals whose name is that of parameters."""
    found: dict[str, Any] = {}
    for name, value in literals(module).items():
        if PARAMETERS.fullmatch(name.lower()) and isinstance(value, dict):
            found |= value
    return found


def secrets(tree: ast.AST) -> list[str]:
    """Secrets that are read from scopes: scope/key."""
    found = []
    for call in calls(tree, "get"):
        if isinstance(call.func, ast.Attribute) and last(call.func.value) == "secrets":
            given = [value_of(argument, {}) for argument in (*call.args, *(keyword.value for keyword in call.keywords))]
            found.append("/".join(str(each) for each in given))
    return found


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, Expression):
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value or ()))
