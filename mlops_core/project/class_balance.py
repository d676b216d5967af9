"""How much the classes of a label count in `fit`: checks of `Training.weights` and `Training.sampling`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_core.project.columns import DeclarationError, choices
from mlops_core.tasks import Task

if TYPE_CHECKING:
    from mlops_core.project.model import Training

BALANCED = "balanced"
"""Weights by which every class counts the same in total."""


def check_class_balance(training: Training, task: Task) -> None:
    """Refuse weights and sampling of what is no class, shares that keep nothing, and a `fit` that takes no weights."""
    weights, sampling = training.weights, training.sampling
    if weights == BALANCED:
        _require_classes(task, "weights")
    elif weights != {}:
        _check_values(weights, task, "weights")
    if sampling != {}:
        _check_values(sampling, task, "sampling", most=1)
    if weights and "weights" not in inspect.signature(training.fit).parameters:
        raise DeclarationError(
            "Training: fit takes no weights, which are declared: add a parameter `weights`, the weight of each row."
        )
    asks = training.early_stopping and (weights or sampling)
    if asks and "later_weights" not in inspect.signature(training.fit).parameters:
        raise DeclarationError(
            "Training: with weights or sampling early stopping measures rows as heavy as those it fits: add a "
            "parameter later_weights=None to fit, the weight of each row of `later`."
        )


def _check_values(values: object, task: Task, name: str, most: float = sys.float_info.max) -> None:
    _require_classes(task, name)
    if not isinstance(values, Mapping):
        raise DeclarationError(f"Training, {name} must map a class to a number, such as {{0: 0.1}}, not {values!r}.")
    for label, value in values.items():
        if label not in task.label_classes:
            known = choices(map(repr, task.label_classes))
            raise DeclarationError(f"Training, {name}: there is no class {label!r}; {known}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            wanted = "a share above 0, at most 1" if most == 1 else "a number above 0"
            raise DeclarationError(f"Training, {name}: that of {label!r} must be {wanted}, not {value!r}.")


def _require_classes(task: Task, name: str) -> None:
    if not task.label_classes:
        raise DeclarationError(f"Training, {name} are of the classes of a label, and a {type(task).__name__} has none.")
