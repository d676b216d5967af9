"""The rules that a candidate must pass, and what is measured for them: edit them here.

The fares' own spread is what the numbers answer to: on the example's trips, always predicting the mean fare is wrong
by 10 USD (RMSE), the distance and the zips alone by 2.7 USD, a good model by 2.5 USD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from my_mlops_stacks.events import TRIPS
from my_mlops_stacks.validation.metric_threshold import MetricThreshold

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
        "root_mean_squared_error": MetricThreshold(threshold=4.0, greater_is_better=False),
        "mean_absolute_error": MetricThreshold(threshold=2.5, greater_is_better=False),
        "r2_score": MetricThreshold(threshold=0.8, greater_is_better=True),
        "absolute_bias": MetricThreshold(threshold=0.5, greater_is_better=False),
    }


IN_UNIT_OF_FARE = ("root_mean_squared_error", "mean_absolute_error", "absolute_bias")
METRIC_UNITS = dict.fromkeys(IN_UNIT_OF_FARE, TRIPS.column("fare_amount").unit or "")
"""Units as people read them after a number; a metric that is not here has none."""

MIN_HELD_OUT_TRIPS = 50
"""Fewer held-out trips judge no model: their metrics say more about the few than about it."""

COMPARED_METRIC = "root_mean_squared_error"
"""In this a candidate must be at least as good as the champion: an error, of which lower is better, or `r2_score`."""


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
