"""The rules that a candidate must pass, and what is measured for them: edit them here.

The fares' own spread is what the numbers answer to: on the example's trips, always predicting the mean fare is wrong
by 10.6 USD (RMSE), the distance and the zips alone by 3.6 USD, a good model by 3.4 USD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_core.project import MetricThreshold, Validation

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.metrics import EvaluationMetric


def validation_thresholds() -> dict[str, MetricThreshold]:
    """Metric name -> what it must reach on the held-out days; USD for the errors.

    `threshold` bounds the candidate's own value. `min_absolute_change` and `min_relative_change` (a share of the
    champion's value) say by how much it must be better than the champion's; the first model has no champion and passes
    these. MLflow's own `MetricThreshold` works as well, but importing MLflow makes the code location load slowly.
    """
    return {
        "root_mean_squared_error": MetricThreshold(threshold=4.5, greater_is_better=False),
        "mean_absolute_error": MetricThreshold(threshold=3.0, greater_is_better=False),
        "r2_score": MetricThreshold(threshold=0.8, greater_is_better=True),
        "absolute_bias": MetricThreshold(threshold=0.5, greater_is_better=False),
    }


def custom_metrics() -> list[EvaluationMetric]:
    """Metrics beside those that MLflow computes for a regression; their names may stand in `validation_thresholds`."""
    from mlflow.models import make_metric

    return [make_metric(eval_fn=_absolute_bias, greater_is_better=False, name="absolute_bias")]


def evaluator_config() -> dict[str, Any]:
    """Options of MLflow's evaluator for regressions, such as `sample_weights`."""
    return {}


def _absolute_bias(predictions: pd.Series, targets: pd.Series) -> float:
    """How far all fares together are over- or underestimated, in USD a trip: what an error of both signs hides."""
    return float(abs((predictions - targets).mean()))


VALIDATION = Validation(
    thresholds=validation_thresholds,
    custom_metrics=custom_metrics,
    evaluator_config=evaluator_config,
    units={"absolute_bias": "USD"},
)
