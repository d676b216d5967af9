"""How sure a metric is: a paired bootstrap over pickup hours, seeded, without a loop over rows or resamples.

Trips of one hour share their weather, their traffic and their looked-up features, so hours are drawn, not trips
(the cluster bootstrap; Cameron, Gelbach and Miller 2008): drawing trips would call differences certain that are not.
Candidate and champion are measured on the same draws, so what makes an hour hard for both cancels in the difference.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 1_000
CONFIDENCE = 0.95
SEED = 0
FEWEST_CLUSTERS = 10
"""With fewer hours that have trips, an interval would promise what it can't know."""

METRICS = ("root_mean_squared_error", "mean_absolute_error", "r2_score", "bias")


def draws(clusters: int) -> np.ndarray:
    """How often each cluster was drawn, (`RESAMPLES` x `clusters`): as many draws as there are clusters."""
    generator = np.random.default_rng(SEED)
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES).astype(float)


def cluster_sums(
    actual: np.ndarray, predicted: np.ndarray, cluster: np.ndarray, segment: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Sums from which all metrics follow: (statistic, cluster, segment).

    Args:
        actual, predicted: a row each, in the label's unit.
        cluster, segment: the codes of each row, from 0.
        shape: numbers of clusters and of segments.
    """
    error = predicted - actual
    cell = cluster * shape[1] + segment
    parts = (np.ones_like(error), error, error**2, np.abs(error), actual, actual**2)
    return np.stack([np.bincount(cell, part, shape[0] * shape[1]).reshape(shape) for part in parts])


def resampled(sums: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The sums of each resample: (statistic, resample, segment)."""
    return np.stack([drawn @ statistic for statistic in sums])


def metrics_of(sums: np.ndarray) -> dict[str, np.ndarray]:
    """`METRICS` from sums over rows whose first axis is the statistic; NaN where there are no rows."""
    rows, error, squared, absolute, actual, actual_squared = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "root_mean_squared_error": np.sqrt(squared / rows),
            "mean_absolute_error": absolute / rows,
            "r2_score": 1 - squared / (actual_squared - actual**2 / rows),
            "bias": error / rows,
        }


def interval(values: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle `CONFIDENCE` of resampled values, (resample, segment) to a bound each a segment.

    NaN for segments without values, and for those that have rows in fewer than `FEWEST_CLUSTERS` clusters of `sums`.
    """
    tail = (1 - CONFIDENCE) / 2
    clusters = (sums[0] > 0).sum(axis=0)
    low, high = np.full((2, values.shape[1]), np.nan)
    known = (clusters >= FEWEST_CLUSTERS) & ~np.isnan(values).all(axis=0)
    quantile = np.nanquantile if np.isnan(values[:, known]).any() else np.quantile  # the first is slow
    low[known], high[known] = quantile(values[:, known], [tail, 1 - tail], axis=0)
    return low, high
