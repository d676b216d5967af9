"""The rules that a candidate must pass: edit them here.

The fares' own spread is what the numbers answer to: on the example's trips, always predicting the mean fare is wrong
by 10 USD (RMSE), the distance and the zips alone by 2.7 USD, a good model by 2.5 USD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.models import MetricThreshold

THRESHOLDS: dict[str, dict[str, Any]] = {
    "root_mean_squared_error": {"threshold": 4.0, "greater_is_better": False},
    "mean_absolute_error": {"threshold": 2.5, "greater_is_better": False},
    "r2_score": {"threshold": 0.8, "greater_is_better": True},
}
"""Metric name -> arguments of `mlflow.models.MetricThreshold`; USD for the errors, of the held-out days."""

COMPARED_METRIC = "root_mean_squared_error"
"""The metric in which a candidate must be at least as good as the champion; lower is better."""


def validation_thresholds() -> dict[str, MetricThreshold]:
    """`THRESHOLDS` as MLflow's own type."""
    from mlflow.models import MetricThreshold

    return {name: MetricThreshold(**rule) for name, rule in THRESHOLDS.items()}
