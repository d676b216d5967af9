"""What the functions of a project give: a model, and its answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_core.project import Model, Training
from mlops_core.tasks import Task
from mlops_core.tasks.task import is_known

if TYPE_CHECKING:
    from pydantic import BaseModel


class UnusableAnswerError(ValueError):
    """`fit` or `predict` of a project gives something that can't be used."""


def fitted(training: Training, rows: pd.DataFrame, parameters: BaseModel) -> Any:
    """The model that `fit` makes of a copy of the rows.

    Raises:
        UnusableAnswerError: It makes none, or fails.
    """
    with _explained("fit", rows):
        model = training.fit(rows.copy(), parameters)
    if model is None:
        raise UnusableAnswerError("fit of training gives None: return the fitted model.")
    return model


def predictions(declared: Model, model: Any, rows: pd.DataFrame) -> np.ndarray:
    """What `predict` says of each row, as metrics take it: by position, so the index of a Series says nothing.

    Raises:
        UnusableAnswerError: It is not what the task's `shape` says, of finite numbers, or `predict` fails.
    """
    with _explained("predict", rows):
        answer = declared.training.predict(model, rows.copy())
    task = declared.task
    try:
        values = np.asarray(answer, float)
    except (TypeError, ValueError):
        raise _unusable(task, rows, f"a {type(answer).__name__} that is not of numbers") from None
    values = task.shape.of_predict(model, values)
    if values.shape != task.shape.of(len(rows)):
        raise _unusable(task, rows, f"an array of shape {values.shape}")
    if bad := int((~is_known(values)).sum()):
        raise _unusable(task, rows, f"{bad:,} that are no finite numbers")
    return values


@contextmanager
def _explained(function: str, rows: pd.DataFrame) -> Iterator[None]:
    """Tells whose error it is, and of columns without any value, on which many a library fails."""
    try:
        yield
    except Exception as error:  # a user's function may raise anything
        empty = [name for name in rows if rows[name].isna().all()]
        told = f"; {', '.join(map(repr, empty))} is null in each row" if empty else ""
        raise UnusableAnswerError(f"{function} of training raised {error!r} for {len(rows):,} rows{told}.") from error


def _unusable(task: Task, rows: pd.DataFrame, given: str) -> UnusableAnswerError:
    return UnusableAnswerError(f"predict of training gives {given} for {len(rows):,} rows: return {task.shape.says}.")
