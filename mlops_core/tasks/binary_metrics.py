"""The metrics of a binary classification, from sums over rows and from the order of the predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.tasks.metric import RankMetric, SumMetric, Sums
from mlops_core.tasks.sums import quiet, ratio

if TYPE_CHECKING:
    import numpy as np


@quiet
def _f1(sums: Sums) -> np.ndarray:
    return 2 * sums["hits"] / (sums["alarms"] + sums["positives"])


@quiet
def _accuracy(sums: Sums) -> np.ndarray:
    misses = sums["alarms"] + sums["positives"] - 2 * sums["hits"]
    return 1 - misses / sums["rows"]


def _roc_auc(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from mlops_core.tasks.ranks import roc_auc

    return roc_auc(actual, predicted, weights)


def _average_precision(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from mlops_core.tasks.ranks import average_precision

    return average_precision(actual, predicted, weights)


def _calibration_error(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from mlops_core.tasks.ranks import calibration_error

    return calibration_error(actual, predicted, weights)


LOG_LOSS = SumMetric("log_loss", "Log loss", greater_is_better=False, of_sums=ratio("log_loss", "rows"))
ROC_AUC = RankMetric("roc_auc", "ROC AUC", greater_is_better=True, of_rows=_roc_auc)
AVERAGE_PRECISION = RankMetric(
    "average_precision", "Average precision", greater_is_better=True, of_rows=_average_precision
)
BRIER = SumMetric("brier_score", "Brier score", greater_is_better=False, of_sums=ratio("squared", "rows"))
PRECISION = SumMetric("precision_score", "Precision", greater_is_better=True, of_sums=ratio("hits", "alarms"))
RECALL = SumMetric("recall_score", "Recall", greater_is_better=True, of_sums=ratio("hits", "positives"))
F1 = SumMetric("f1_score", "F1", greater_is_better=True, of_sums=_f1)
ACCURACY = SumMetric("accuracy_score", "Accuracy", greater_is_better=True, of_sums=_accuracy)
POSITIVE_RATE = SumMetric("positive_rate", "Share predicted 1", greater_is_better=None, of_sums=ratio("alarms", "rows"))
BIAS = SumMetric("bias", "Bias of the probability", greater_is_better=None, of_sums=ratio("error", "rows"))
CALIBRATION_ERROR = RankMetric(
    "calibration_error", "Calibration error", greater_is_better=False, of_rows=_calibration_error
)
