"""Metrics of the order of predictions, for many resamples at once: rows are sorted once, resamples only reweigh them.

The formulas are those of scikit-learn with `sample_weight`: ties share a threshold.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

CALIBRATION_BINS = 10


def roc_auc(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each resample; NaN when one class is missing from it.

    Args:
        actual: 0 or 1 of each row.
        predicted: scores, the higher the likelier 1.
        weights: how often each row counts, (resamples x rows).
    """
    positives, negatives = _by_threshold(actual, predicted, weights)
    above = np.cumsum(positives, axis=1) - positives / 2  # positives of a higher score, and half of the same
    with np.errstate(divide="ignore", invalid="ignore"):
        return (above * negatives).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))


def roc_auc_of_clusters(
    actual: np.ndarray, predicted: np.ndarray, cluster: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
    """As `roc_auc`, of rows that are drawn by cluster: pairs are counted once for each two clusters.

    With a class for each of many predictions this takes a tenth of the time.

    Args:
        cluster: code of each row, from 0.
        drawn: how often each cluster counts, (resamples x clusters).
    """
    codes, row_cluster = np.unique(cluster, return_inverse=True)
    drawn, shape = drawn[:, codes], (len(codes), len(predicted))
    _, level = np.unique(-predicted, return_inverse=True)  # 0 is the highest score
    positives, negatives = (
        csr_array((of.astype(float), (row_cluster, level)), shape=shape) for of in (actual, ~actual)
    )
    with_it = positives.toarray()
    above = np.cumsum(with_it, axis=1) - with_it / 2
    pairs = (negatives @ above.T).T  # (cluster of the positive x cluster of the negative)
    ours, theirs = (drawn @ of.sum(axis=1) for of in (positives, negatives))
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((drawn @ pairs) * drawn).sum(axis=1) / (ours * theirs)


def average_precision(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean precision at each threshold, weighted by the recall that it adds; NaN without a positive."""
    positives, negatives = _by_threshold(actual, predicted, weights)
    hits, alarms = np.cumsum(positives, axis=1), np.cumsum(positives + negatives, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(alarms > 0, hits / alarms, 0)
        return (precision * positives).sum(axis=1) / positives.sum(axis=1)


def calibration_error(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error over ten equally wide bins (Naeini, Cooper and Hauskrecht 2015): the mean distance
    between the predicted probability and the share of positives; NaN without a row.
    """
    codes = np.minimum((predicted * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = (codes[:, None] == np.arange(CALIBRATION_BINS)).astype(float)
    distance = np.abs(weights @ (bins * (predicted - actual)[:, None])).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return distance / weights.sum(axis=1)


def _by_threshold(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positives and negatives at each distinct score, the highest first: (resamples x scores)."""
    order = np.argsort(-predicted, kind="stable")
    starts = np.flatnonzero(np.diff(predicted[order], prepend=np.inf))
    drawn, is_positive = weights[:, order], actual[order].astype(bool)
    positives = np.add.reduceat(np.where(is_positive, drawn, 0), starts, axis=1)
    return positives, np.add.reduceat(np.where(is_positive, 0, drawn), starts, axis=1)
