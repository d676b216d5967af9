"""A metric: one number of many predictions, under its name in each vocabulary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Sums = Mapping[str, "np.ndarray"]

CHUNK = 20_000_000
"""Rows times resamples that a metric of ranks sees at once: 160 MB."""


@dataclass(frozen=True)
class Metric(ABC):
    """One of a task's metrics.

    Args:
        name: As MLflow's evaluators call it.
        title: For people.
        greater_is_better: None when it is best at zero, from either side.
        has_unit: Whether it is in the label's unit.
    """

    name: str
    title: str
    _: KW_ONLY
    greater_is_better: bool | None
    has_unit: bool = False

    @abstractmethod
    def resampled(self, statistics: Sums, actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The metric of each resample; NaN where its rows do not determine it.

        Args:
            statistics: what each row adds to the task's sums.
            actual, predicted: label and prediction of each row.
            weights: how often each row was drawn, (resamples x rows).
        """

    def improvement(self, value: float, other: float) -> float:
        """By how much `value` is better than `other`; below zero when it is worse."""
        if self.greater_is_better is None:
            return abs(other) - abs(value)
        return value - other if self.greater_is_better else other - value


@dataclass(frozen=True)
class SumMetric(Metric):
    """A metric that follows from sums over rows, whatever further axes the sums have."""

    _: KW_ONLY
    of_sums: Callable[[Sums], np.ndarray]

    def resampled(
        self,
        statistics: Sums,
        actual: np.ndarray,  # noqa: ARG002, its statistics are enough
        predicted: np.ndarray,  # noqa: ARG002
        weights: np.ndarray,
    ) -> np.ndarray:
        return self.of_sums({name: weights @ part for name, part in statistics.items()})


@dataclass(frozen=True)
class RankMetric(Metric):
    """A metric of the rows themselves, such as their order: no sum tells it."""

    _: KW_ONLY
    of_rows: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    def resampled(
        self,
        statistics: Sums,  # noqa: ARG002, no sum tells it
        actual: np.ndarray,
        predicted: np.ndarray,
        weights: np.ndarray,
    ) -> np.ndarray:
        import numpy as np

        step = max(1, CHUNK // max(len(actual), 1))
        parts = (weights[at : at + step] for at in range(0, len(weights), step))
        return np.concatenate([self.of_rows(actual, predicted, part) for part in parts])
