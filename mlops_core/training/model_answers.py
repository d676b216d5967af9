"""What the functions of a project give: a model, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_core.project import Model
from mlops_core.tasks import Task
from mlops_core.tasks.task import is_known
from mlops_core.training.composed import Composed
from mlops_core.training.composing import composed

if TYPE_CHECKING:
    from pydantic import BaseModel


SHOWN = 5
"""So many segments stand in a sentence."""


class UnusableAnswerError(ValueError):
    """`fit` or `predict` of a project gives something that can't be used."""


def fitted(declared: Model, rows: pd.DataFrame, parameters: BaseModel, later: pd.DataFrame | None = None) -> Any:
    """The model that `fit` makes of a copy of the rows, with what it is wrapped in.

    Args:
        rows: The time of each event, the inputs, the features, and last the label.
        later: Rows by whose error it stops, of a training that declares so.

    Raises:
        UnusableAnswerError: `fit` makes none, or fails.
    """

    def fit(
        given: pd.DataFrame,
        weights: np.ndarray | None = None,
        segment: str = "",
        later: pd.DataFrame | None = later,
        later_weights: np.ndarray | None = None,
    ) -> Any:
        stated = {"weights": weights, "later": None if later is None else later.copy(), "later_weights": later_weights}
        asked = {name: value for name, value in stated.items() if value is not None}
        with explained("fit", given, segment):
            model = declared.training.fit(given.copy(), parameters, **asked)
        if model is None:
            raise UnusableAnswerError("fit of training gives None: return the fitted model.")
        return model

    return composed(declared, rows, fit, later) if declared.is_wrapped else fit(rows)


def predictions(declared: Model, model: Any, rows: pd.DataFrame) -> np.ndarray:
    """What the model says of each row, as metrics take it: by position, so the index of a Series says nothing.

    Raises:
        UnusableAnswerError: It is not what the task's `shape` says, of finite numbers, or `predict` fails.
    """
    with explained("predict", rows):
        answer = model.answers(rows) if isinstance(model, Composed) else declared.training.predict(model, rows.copy())
    task = declared.task
    try:
        values = np.asarray(answer, float)
    except (TypeError, ValueError):
        raise _unusable(task, rows, f"a {type(answer).__name__} that is not of numbers") from None
    values = task.shape.of_predict(model, values)
    if values.shape != task.shape.of(len(rows)):
        raise _unusable(task, rows, f"an array of shape {values.shape}")
    if (bad := ~is_known(values)).any():
        raise _unusable(task, rows, f"{bad.sum():,} that are no finite numbers{_whose(declared, rows[bad])}")
    return values


def parts_of(model: Any, rows: pd.DataFrame) -> Iterator[tuple[np.ndarray, Any, pd.DataFrame]]:
    """Each model that `fit` gave, with the places of the rows that it predicts, and these rows as `predict` sees them.

    It is the way to what libraries know of their models, such as the contributions of inputs. A logged model that was
    loaded is a class of its own, so what it can do says what it is.
    """
    if not hasattr(model, "segment_column"):
        yield np.arange(len(rows)), model, rows.copy()
        return
    for places, part, given in model.parts(rows):
        yield places, part.model, given


def notes_of(model: Any) -> Mapping[str, str]:
    """What the making of a model found out, for people: subject -> sentence."""
    return model.notes if isinstance(model, Composed) else {}


def importance_of(declared: Model, model: Any) -> pd.Series | None:
    """The importance of each input; of several models the mean of their shares, weighed by their training rows.

    An input that a model does not name, as some libraries leave out what they did not use, has none in it.
    """
    importance = declared.training.importance
    if importance is None or not isinstance(model, Composed):
        return importance(model) if importance else None
    models = model.segments or (model.whole,)
    found = [(part.rows, importance(part.model)) for part in models]
    weighed = [rows * values / max(values.sum(), np.finfo(float).tiny) for rows, values in found]
    return pd.concat(weighed, axis=1).fillna(0.0).sum(axis=1) / sum(rows for rows, _ in found)


def _whose(declared: Model, rows: pd.DataFrame) -> str:
    """The segments of rows, the first ones of many."""
    if not declared.by_segment:
        return ""
    column = declared.by_segment.column
    found = rows[column].drop_duplicates()
    return f", where {column} is {', '.join(map(repr, found[:SHOWN]))}{' or another' if len(found) > SHOWN else ''}"


@contextmanager
def explained(function: str, rows: pd.DataFrame, segment: str = "") -> Iterator[None]:
    """Tells whose error it is, and of columns on which many a library fails."""
    try:
        yield
    except Exception as error:  # a user's function may raise anything
        these = f"{len(rows):,} rows of {segment}" if segment else f"{len(rows):,} rows"
        raise UnusableAnswerError(f"{function} of training raised {error!r} for {these}{_suspects(rows)}.") from error


def _suspects(rows: pd.DataFrame) -> str:
    """The columns without any value, and those with infinite ones, as the end of a sentence."""
    empty = [name for name in rows if len(rows) and rows[name].isna().all()]
    endless = [name for name in rows.select_dtypes(np.floating) if np.isinf(rows[name]).any()]
    found = {"null in each row": empty, "infinite in some": endless}
    return "".join(f"; {', '.join(map(repr, names))} is {what}" for what, names in found.items() if names)


def _unusable(task: Task, rows: pd.DataFrame, given: str) -> UnusableAnswerError:
    return UnusableAnswerError(f"predict of training gives {given} for {len(rows):,} rows: return {task.shape.says}.")
