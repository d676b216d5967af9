"""How many rounds a model is fitted for: as many as were best on rows that came later."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_core.project.columns import DeclarationError, choices
from mlops_core.project.search import Search


@dataclass(frozen=True)
class EarlyStopping:
    """`fit` has a parameter more, `later=None`: rows after those to fit, by whose error it stops.

    A training looks for the number on the last of `folds` folds, and then fits all rows for so many rounds, without
    `later`. A search stops the model of each fold by the rows that it is measured on. With weights or sampling `fit`
    has `later_weights=None` too, the weight of each row of `later`.

    Args:
        parameter: The hyperparameter that says for how many rounds `fit` goes on, at most if it has `later`.
        rounds: From a model that was fitted with `later` to the number of rounds that was best.
        folds: Into how many folds the days to train on are cut.
    """

    parameter: str
    rounds: Callable[[Any], int]
    folds: int = 3

    def __post_init__(self) -> None:
        if not callable(self.rounds):
            raise DeclarationError(f"EarlyStopping: rounds must be a function, not {self.rounds!r}.")
        if type(self.folds) is not int or self.folds < 1:
            raise DeclarationError(f"EarlyStopping: folds is {self.folds!r}, and must be a whole number, at least 1.")


def check_early_stopping(stated: EarlyStopping, fit: Callable[..., Any], kind: Any, search: Search | None) -> None:
    """Refuse what could only fail when a model is trained.

    Raises:
        DeclarationError: the hyperparameters have no such parameter, a search tries it, or `fit` has no `later`.
    """
    name = stated.parameter
    if name not in kind.model_fields:
        raise DeclarationError(f"EarlyStopping: there is no hyperparameter '{name}'; {choices(kind.model_fields)}")
    if search is not None and name in search.space:
        raise DeclarationError(
            f"EarlyStopping finds the hyperparameter '{name}', so no search can try it: leave it out of the space."
        )
    if "later" not in inspect.signature(fit).parameters:
        raise DeclarationError(
            "EarlyStopping: fit has no parameter 'later': add later=None, the rows by whose error it stops."
        )
