"""The threshold of a version, chosen on predictions of rows that came after those a model was fitted on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_core.tasks import Decision
from mlops_core.training.objective import Objective

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Chosen:
    """A threshold, and what a row of the folds cost: by it, by `break_even`, and with every or no row an alarm."""

    threshold: float
    mean_cost: float
    of_break_even: float
    of_always: float
    of_never: float

    def told(self, decision: Decision) -> str:
        return (
            f"A probability of {self.threshold:g} or more is an alarm: on the folds a row costs {self.mean_cost:.4g}, "
            f"{self.of_break_even:.4g} from {decision.break_even:.4g} on, {self.of_always:.4g} if all are alarms and "
            f"{self.of_never:.4g} if none is"
        )


def choose(decision: Decision, objective: Objective, parameters: BaseModel, log: logging.Logger) -> Chosen:
    """The threshold that would have been cheapest on the folds, all together.

    Where their labels are all the same it is `break_even`: nothing tells which mistakes a model makes.

    Raises:
        TooFewFoldsError: no fold has anything to learn.
        UnusableAnswerError: a function of the project fails, or gives what can't be used.
    """
    usable = objective.usable(log)
    actual = np.concatenate([usable.labels(fold.validate) for fold in usable.folds])
    predicted = np.concatenate([usable.answers(fold, parameters) for fold in usable.folds])
    threshold = decision.break_even
    if len(present := np.unique(actual)) > 1:
        threshold = decision.cheapest(actual, predicted)
    else:
        log.warning(
            f"The {len(actual):,} labels of the folds are all {present[0]:g}, which chooses no threshold: it is "
            f"{threshold:.4g}, where both mistakes cost the same if probabilities are right"
        )

    def mean(alarm: np.ndarray) -> float:
        return float(decision.cost(actual, alarm.astype(float)).mean())

    costs = (predicted >= threshold, predicted >= decision.break_even, predicted >= 0, predicted < 0)
    chosen = Chosen(threshold, *map(mean, costs))
    log.info(chosen.told(decision))
    return chosen
