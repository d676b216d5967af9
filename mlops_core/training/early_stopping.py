"""The number of rounds that was best on the last fold."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mlops_core.training.composed import Composed
from mlops_core.training.model_answers import UnusableAnswerError
from mlops_core.training.objective import Objective

if TYPE_CHECKING:
    from pydantic import BaseModel


def with_best_rounds(objective: Objective, parameters: BaseModel, log: logging.Logger) -> BaseModel:
    """The parameters with the number of rounds that was best on the last fold that can judge a model.

    They stay as they are where no early stopping is declared.

    Raises:
        TooFewFoldsError: no fold can.
        UnusableAnswerError: `fit` fails, or what the declaration reads from its model is no number of rounds.
    """
    stated = objective.declared.training.early_stopping
    if stated is None:
        return parameters
    fold, most = objective.usable(log).folds[-1], getattr(parameters, stated.parameter)
    model = objective.stopped(fold, parameters)
    rounds = stated.rounds(model.whole.model if isinstance(model, Composed) else model)
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 1 <= rounds <= most:
        raise UnusableAnswerError(
            f"rounds of EarlyStopping gives {rounds!r} of a model that was fitted with later: return how many of at "
            f"most {most:,} rounds were best."
        )
    at_most = ", which is all of them: more may be better" if rounds == most else ""
    where = f"on the fold that begins on {fold.start:%Y-%m-%d}{at_most}"
    log.info(f"Of {most:,} rounds {rounds:,} are best {where}; all rows are fitted for so many")
    return type(parameters)(**(parameters.model_dump() | {stated.parameter: rounds}))
