"""How inputs that are no numbers become what libraries of models compute with."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_core.project.checks import require_all
from mlops_core.project.columns import DeclarationError

RARE = "(rare)"
"""The level that stands for all rare ones, and for those that no training row had."""


@dataclass(frozen=True)
class Encoding:
    """What `fit` and `predict` see in place of texts, booleans, dates and times; learnt from the training rows only.

    A text becomes a pandas category whose levels are the frequent texts of the training rows, in their order, and
    `RARE`; null stays missing. Booleans become 0 and 1, dates and times days since 1970-01-01 on the wall clock,
    numbers doubles; null becomes NaN. The logged model contains the encoding.

    Args:
        categories: Whole numbers among inputs and features that are names, such as the code of a region: they are
            encoded as texts are.
        min_count: A level of fewer training rows is rare.
        max_levels: Levels of a column at most, `RARE` among them; the least frequent of more are rare. Libraries that
            count values in bins take no more than 255.
    """

    categories: tuple[str, ...] = ()
    min_count: int = 10
    max_levels: int = 255

    def __post_init__(self) -> None:
        require_all(self.categories, str, "Encoding, categories")
        for name, lowest in (("min_count", 1), ("max_levels", 2)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
                raise DeclarationError(f"Encoding: {name} must be a whole number from {lowest} on, not {value!r}.")
