"""A metric: one number of many predictions, under its name in each vocabulary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Sums = Mapping[str, "np.ndarray"]


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
    def value(self, statistics: Sums, actual: np.ndarray, predicted: np.ndarray) -> float:
        """The metric of some rows; NaN where they do not determine it.

        Args:
            statistics: what each row adds to the task's sums.
            actual, predicted: label and prediction of each row.
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

    def value(self, statistics: Sums, actual: np.ndarray, predicted: np.ndarray) -> float:  # noqa: ARG002
        return float(self.of_sums({name: part.sum() for name, part in statistics.items()}))


@dataclass(frozen=True)
class RankMetric(Metric):
    """A metric of the rows themselves, such as their order: no sum tells it.

    Args:
        of_rows: From label and prediction of each row, and how often each was drawn (resamples x rows), to the metric
            of each resample.
    """

    _: KW_ONLY
    of_rows: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    def value(self, statistics: Sums, actual: np.ndarray, predicted: np.ndarray) -> float:  # noqa: ARG002
        import numpy as np

        return float(self.of_rows(actual, predicted, np.ones((1, len(actual))))[0])


@dataclass(frozen=True)
class PairMetric(Metric):
    """A metric of pairs of rows: how often a pair counts follows from how often the clusters of both were drawn.

    Args:
        of_pairs: From label and prediction of each row, its cluster's code, and how often each cluster was drawn
            (resamples x clusters), to the metric of each resample.
    """

    _: KW_ONLY
    of_pairs: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    def value(self, statistics: Sums, actual: np.ndarray, predicted: np.ndarray) -> float:  # noqa: ARG002
        import numpy as np

        return float(self.of_pairs(actual, predicted, np.zeros(len(actual), int), np.ones((1, 1)))[0])
