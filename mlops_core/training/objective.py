"""What a search minimizes or maximizes: the compared metric on folds in the order of time."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_core.project import Model, Project
from mlops_core.tasks import Metric
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.training.baselines import constant_prediction
from mlops_core.training.folds import MIN_ROWS, Fold, TooFewFoldsError, folds
from mlops_core.training.model_answers import UnusableAnswerError, fitted, predictions

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Objective:
    """The rows to train on, in the order of time, and the folds that parameters are judged on."""

    declared: Model
    label: str
    metric: Metric
    rows: pd.DataFrame
    folds: Sequence[Fold]

    def usable(self, log: logging.Logger) -> Objective:
        """Without the folds that can't judge a model, each told in the log.

        Raises:
            TooFewFoldsError: none is left.
        """
        refused = {fold.start: self._refusal(fold) for fold in self.folds}
        for start, why in refused.items():
            if why:
                log.warning(f"The fold that begins on {start:%Y-%m-%d} is passed over: {why}")
        left = [fold for fold in self.folds if not refused[fold.start]]
        if not left:
            last = refused[self.folds[-1].start]
            raise TooFewFoldsError(
                f"No fold of the training period can judge a model; of the last one, {last} Train on more days, or ask "
                "for fewer folds."
            )
        return replace(self, folds=left)

    def values(self, parameters: BaseModel) -> Iterator[float]:
        """The metric of each fold, oldest first, of a model that was fitted on what came before it.

        Raises:
            UnusableAnswerError: a function of the project fails, or gives what can't be used.
            UnusableRowsError: a prediction is none of the task's.
        """
        for fold in self.folds:
            model = self.stopped(fold, parameters)
            value = self._measured(fold, predictions(self.declared, model, self._rows(fold.validate)))
            if not math.isfinite(value):
                raise UnusableAnswerError(
                    f"{self.metric.name} is {value} on the fold that begins on {fold.start:%Y-%m-%d}."
                )
            yield value

    def stopped(self, fold: Fold, parameters: BaseModel) -> Any:
        """The model of a fold; where early stopping is declared, it stops by what the fold validates with."""
        later = self._rows(fold.validate) if self.declared.training.early_stopping else None
        return fitted(self.declared, self._rows(fold.fit), parameters, later)

    def answers(self, fold: Fold, parameters: BaseModel) -> np.ndarray:
        """The predictions of what a fold validates with, by a model that has not seen it at all."""
        model = fitted(self.declared, self._rows(fold.fit), parameters)
        return predictions(self.declared, model, self._rows(fold.validate))

    def labels(self, places: np.ndarray) -> np.ndarray:
        """Labels as metrics take them."""
        return self.declared.task.shape.labels(self.rows[self.label].iloc[places])

    def _rows(self, places: np.ndarray) -> pd.DataFrame:
        return self.rows.iloc[places].reset_index(drop=True)

    def _measured(self, fold: Fold, answers: np.ndarray) -> float:
        return self.declared.task.measure(self.labels(fold.validate), answers)[self.metric.name]

    def _refusal(self, fold: Fold) -> str:
        """Why nothing can be learnt on a fold, or its labels, few or all the same, do not tell good models from bad."""
        rows = (len(fold.fit), len(fold.validate))
        if min(rows) < MIN_ROWS:
            return f"it has {rows[0]:,} rows to fit and {rows[1]:,} to validate with, and needs {MIN_ROWS} of each."
        task, labels = self.declared.task, self.labels(fold.validate)
        try:
            task.require_learnable(self.labels(fold.fit))
        except UnusableRowsError as error:
            return str(error)
        if len(np.unique(labels)) > 1:
            return ""
        constant = constant_prediction(task, self.rows[self.label].iloc[fold.fit], self._rows(fold.validate))
        if math.isfinite(self._measured(fold, constant)):
            return ""
        return f"its {len(labels):,} labels are all {labels[0]:g}, which determines no {self.metric.name}."


def objective_of(project: Project, rows: pd.DataFrame, known: pd.Series, count: int, metric: Metric) -> Objective:
    """On so many folds of the rows to train on, whose labels were `known` at these times.

    Raises:
        TooFewFoldsError: the rows have too few for so many.
    """
    events = project.events
    made = folds(rows[events.event_time], known, count, events.nouns)
    return Objective(project.model, events.label_column, metric, rows, made)
