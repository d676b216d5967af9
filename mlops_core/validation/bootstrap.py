"""Confidence intervals of metrics: a paired cluster bootstrap over hours, seeded and vectorized.

Events of one hour are correlated (conditions, looked-up features), so hours are resampled, not events (Cameron, Gelbach
and Miller 2008): resampling events would make intervals too narrow. Candidate and champion are measured on the same
resamples, so that what is hard for both cancels out of the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlops_core.tasks import Metric, Task
from mlops_core.tasks.metric import PairMetric, RankMetric, SumMetric

RESAMPLES = 1_000
CONFIDENCE = 0.95
SEED = 0
FEWEST_CLUSTERS = 10
"""With fewer hours that have events, an interval would be unreliable."""

CHUNK = 20_000_000
"""Rows times resamples of which a metric of ranks is computed at once: 160 MB."""


def draws(clusters: int) -> np.ndarray:
    """How often each cluster was drawn, (`RESAMPLES` x `clusters`): as many draws as there are clusters."""
    generator = np.random.default_rng(SEED)
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES).astype(float)


@dataclass(frozen=True)
class Rows:
    """Labels and predictions in clusters and segments, by the codes of each row, from 0.

    `shape` is the numbers of clusters and of segments. With `summed`, the task's statistics of more rows in the shape
    of `sums`, these are a sample of them: what follows from sums is of all.
    """

    task: Task
    actual: np.ndarray
    predicted: np.ndarray
    cluster: np.ndarray
    segment: np.ndarray
    shape: tuple[int, int]
    summed: Mapping[str, np.ndarray] | None = None

    @cached_property
    def sums(self) -> Mapping[str, np.ndarray]:
        """The task's statistics: name -> sums, (cluster x segment)."""
        if self.summed is not None:
            return self.summed
        cell = self.cluster * self.shape[1] + self.segment
        parts = self.task.statistics(self.actual, self.predicted)
        size = self.shape[0] * self.shape[1]
        return {name: np.bincount(cell, part, size).reshape(self.shape) for name, part in parts.items()}

    def measured(
        self, drawn: np.ndarray, metrics: Sequence[Metric] | None = None
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Metric, of all those of the task or of `metrics` -> its value (segment) and those of the resamples
        (resample x segment).
        """
        sums = self.sums
        whole = {name: part.sum(axis=0) for name, part in sums.items()}
        redrawn = {name: drawn @ part for name, part in sums.items()}
        return {metric.name: self._of(metric, whole, redrawn, drawn) for metric in metrics or self.task.metrics}

    def _of(
        self, metric: Metric, whole: dict[str, np.ndarray], redrawn: dict[str, np.ndarray], drawn: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(metric, SumMetric):
            return metric.of_sums(whole), metric.of_sums(redrawn)
        parts = [self._of_rows(metric, self.segment == segment, drawn) for segment in range(self.shape[1])]
        return np.array([value for value, _ in parts]), np.stack([values for _, values in parts], axis=1)

    def _of_rows(self, metric: Metric, inside: np.ndarray, drawn: np.ndarray) -> tuple[float, np.ndarray]:
        actual, predicted, cluster = self.actual[inside], self.predicted[inside], self.cluster[inside]
        if not len(actual):
            return np.nan, np.full(len(drawn), np.nan)
        if isinstance(metric, PairMetric):
            found = metric.of_pairs(actual, predicted, cluster, np.vstack([np.ones(drawn.shape[1]), drawn]))
            return float(found[0]), found[1:]
        if not isinstance(metric, RankMetric):
            raise TypeError(f"Nothing resamples the metric '{metric.name}', a {type(metric).__name__}.")
        step = max(1, CHUNK // len(actual))
        parts = (drawn[at : at + step][:, cluster] for at in range(0, len(drawn), step))
        values = np.concatenate([metric.of_rows(actual, predicted, weights) for weights in parts])
        return float(metric.of_rows(actual, predicted, np.ones((1, len(actual))))[0]), values


def interval(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle `CONFIDENCE` of resampled values, (resample x segment) to a bound each a segment.

    NaN for segments without values, and for those of fewer than `FEWEST_CLUSTERS` clusters.
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = np.full((2, values.shape[1]), np.nan)
    known = (clusters >= FEWEST_CLUSTERS) & ~np.isnan(values).all(axis=0)
    quantile = np.nanquantile if np.isnan(values[:, known]).any() else np.quantile  # the first is slow
    low[known], high[known] = quantile(values[:, known], [tail, 1 - tail], axis=0)
    return low, high
