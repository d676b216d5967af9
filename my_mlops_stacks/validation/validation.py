"""The rules that a candidate must pass, and what is measured for them: edit them here.

The fares' own spread is what the numbers answer to: on the example's trips, always predicting the mean fare is wrong
by 10 USD (RMSE), the distance and the zips alone by 2.7 USD, a good model by 2.5 USD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.metrics import EvaluationMetric
    from mlflow.models import MetricThreshold

THRESHOLDS: dict[str, dict[str, Any]] = {
    "root_mean_squared_error": {"threshold": 4.0, "greater_is_better": False},
    "mean_absolute_error": {"threshold": 2.5, "greater_is_better": False},
    "r2_score": {"threshold": 0.8, "greater_is_better": True},
    "absolute_bias": {"threshold": 0.5, "greater_is_better": False},
}
"""Metric name -> arguments of `mlflow.models.MetricThreshold`; USD for the errors, of the held-out days.

`threshold` bounds the candidate's own value. `min_absolute_change` and `min_relative_change` (a share of the champion's
value) say by how much it must be better than the champion's; the first model has no champion and passes these.
"""

COMPARED_METRIC = "root_mean_squared_error"
"""The metric in which a candidate must be at least as good as the champion; lower is better."""

DISTANCE_BANDS = (1.0, 2.0, 4.0, 8.0)
"""Where one band of trip distances ends and the next begins, in miles."""


def validation_thresholds() -> dict[str, MetricThreshold]:
    """`THRESHOLDS` as MLflow's own type."""
    from mlflow.models import MetricThreshold

    return {metric: MetricThreshold(**limits) for metric, limits in THRESHOLDS.items()}


def custom_metrics() -> list[EvaluationMetric]:
    """Metrics beside those that MLflow computes for a regression; each one's name can stand in `THRESHOLDS`."""
    from mlflow.models import make_metric

    return [make_metric(eval_fn=_absolute_bias, greater_is_better=False, name="absolute_bias")]


def evaluator_config() -> dict[str, Any]:
    """Options of MLflow's evaluator for regressions, such as `sample_weights`."""
    return {}


def _absolute_bias(predictions: pd.Series, targets: pd.Series) -> float:
    """How far all fares together are over- or underestimated, in USD a trip: what an error of both signs hides."""
    return float(abs((predictions - targets).mean()))
