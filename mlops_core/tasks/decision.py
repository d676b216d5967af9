"""When a probability is an alarm: the threshold that makes mistakes cheapest, by what they cost."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from mlops_core.tasks.metric import SumMetric
from mlops_core.tasks.sums import ratio

if TYPE_CHECKING:
    import numpy as np

MEAN_COST = SumMetric("mean_cost", "Mean cost", greater_is_better=False, of_sums=ratio("cost", "rows"))
DIGITS = 17
"""Of a double, so that a number between two others is found."""


@dataclass(frozen=True)
class Decision:
    """What a wrong alarm and a missed event cost, in one unit; what is right costs nothing.

    Args:
        false_alarm: Of predicting 1 where the label is 0.
        miss: Of predicting 0 where the label is 1.
        folds: How often a model is fitted on the past, so that the threshold is chosen on what came next.
    """

    false_alarm: float
    miss: float
    _: KW_ONLY
    folds: int = 3

    def __post_init__(self) -> None:
        for name in ("false_alarm", "miss"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value < math.inf:
                raise ValueError(f"Decision: {name} is {value!r}, and must be a number above 0.")
        if type(self.folds) is not int or self.folds < 1:
            raise ValueError(f"Decision: folds is {self.folds!r}, and must be a whole number, at least 1.")

    @property
    def break_even(self) -> float:
        """The probability from which an alarm is cheaper, if probabilities are right."""
        return self.false_alarm / (self.false_alarm + self.miss)

    def cost(self, actual: np.ndarray, alarm: np.ndarray) -> np.ndarray:
        """Of each row, by its label and whether it is an alarm, both 0 or 1."""
        return self.false_alarm * alarm * (1 - actual) + self.miss * (1 - alarm) * actual

    def summed(self, alarm: str) -> str:
        """As `cost`, in SQL over `actual`."""
        false, missed = (f"{float(value)!r}D" for value in (self.false_alarm, self.miss))
        return f"{false} * {alarm} * (1 - actual) + {missed} * (1 - {alarm}) * actual"

    @property
    def sql(self) -> str:
        """The mean cost over `actual` and `alarm`."""
        false = f"WHEN alarm = 1 AND actual = 0 THEN {float(self.false_alarm)!r}D"
        missed = f"WHEN alarm = 0 AND actual = 1 THEN {float(self.miss)!r}D"
        return f"avg(CASE {false} {missed} WHEN actual IS NOT NULL THEN 0D END)"

    def cheapest(self, actual: np.ndarray, predicted: np.ndarray) -> float:
        """The threshold with the smallest cost of these rows; of several, that nearest to `break_even`.

        It lies between two of the probabilities, and has as few digits as that allows.
        """
        import numpy as np

        values, places = np.unique(predicted, return_inverse=True)
        ones = np.bincount(places, actual, len(values))
        zeros = np.bincount(places, 1 - actual, len(values))
        missed = self.miss * np.concatenate([[0], np.cumsum(ones)])  # alarms begin at each value, or at none
        false = self.false_alarm * np.concatenate([np.cumsum(zeros[::-1])[::-1], [0]])
        edges = np.concatenate([[0.0], values, [1.0]])
        costs = np.where(edges[:-1] < edges[1:], missed + false, np.inf)  # no threshold lies between equals
        cheap = np.flatnonzero(np.isclose(costs, costs.min(), rtol=1e-12, atol=0))
        ends = ((float(edges[place]), float(edges[place + 1])) for place in cheap)
        found = [(low, high, _within(low, high, self.break_even)) for low, high in ends]
        return _short(*min(found, key=lambda each: abs(each[2] - self.break_even)))


def _within(low: float, high: float, wanted: float) -> float:
    """`wanted` where it lies above `low` and not above `high`, else the middle of both."""
    return wanted if low < wanted <= high else (low + high) / 2


def _short(low: float, high: float, number: float) -> float:
    shorter = (round(number, digits) for digits in range(1, DIGITS + 1))
    return float(next((each for each in shorter if low < each <= high), number))
