"""How wrong predicted fares are, under the names that MLflow's regression evaluator uses."""

from __future__ import annotations

import numpy as np
from sklearn import metrics


def rmse(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Root mean squared error, in the label's unit."""
    return float(metrics.root_mean_squared_error(actual, predicted))


def regression_metrics(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """RMSE, MAE, largest error and bias (mean of predicted less actual) in the label's unit, R2, and the count.

    Raises:
        ValueError: there are no rows, or a value is not finite.
    """
    if not len(actual):
        raise ValueError("There are no held-out rows to measure the model on: hold out days that have trips.")
    return {
        "root_mean_squared_error": rmse(actual, predicted),
        "mean_absolute_error": float(metrics.mean_absolute_error(actual, predicted)),
        "r2_score": float(metrics.r2_score(actual, predicted)) if len(actual) > 1 else float("nan"),
        "max_error": float(metrics.max_error(actual, predicted)),
        "bias": float(np.mean(predicted - actual)),
        "example_count": float(len(actual)),
    }
