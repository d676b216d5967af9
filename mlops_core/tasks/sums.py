"""Metrics of sums, over as many cells at once as the sums have; NaN where a cell does not determine one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from mlops_core.tasks.metric import Sums

if TYPE_CHECKING:
    import numpy as np

    OfSums = Callable[[Sums], np.ndarray]


SMALLEST = 2.0**-52
"""The least probability that a log loss takes: one of exactly 0 would have an infinite loss."""

Given = ParamSpec("Given")


def quiet(metric: Callable[Given, np.ndarray]) -> Callable[Given, np.ndarray]:
    """The metric without NumPy's warnings of a division by zero: a cell without rows has none."""

    @wraps(metric)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> np.ndarray:
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore"):
            return metric(*args, **kwargs)

    return call


def ratio(part: str, whole: str) -> OfSums:
    """One sum as a share of another."""
    return quiet(lambda sums: sums[part] / sums[whole])
