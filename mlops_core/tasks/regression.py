"""A number is predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.tasks.metric import SumMetric, Sums
from mlops_core.tasks.sums import quiet, ratio
from mlops_core.tasks.task import Output, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure


@quiet
def _rmse(sums: Sums) -> np.ndarray:
    return (sums["squared"] / sums["rows"]) ** 0.5


@quiet
def _r2(sums: Sums) -> np.ndarray:
    return 1 - sums["squared"] / (sums["actual_squared"] - sums["actual"] ** 2 / sums["rows"])


class Regression(Task):
    """The prediction is a number, in the label's unit."""

    model_type = "regressor"
    compared = "root_mean_squared_error"
    outputs = (Output("prediction", "double", "Prediction of `{label}`", "prediction", has_unit=True),)
    metrics = (
        SumMetric("root_mean_squared_error", "RMSE", greater_is_better=False, has_unit=True, of_sums=_rmse),
        SumMetric(
            "mean_absolute_error", "MAE", greater_is_better=False, has_unit=True, of_sums=ratio("absolute", "rows")
        ),
        SumMetric("r2_score", "R2", greater_is_better=True, of_sums=_r2),
        SumMetric("bias", "Bias", greater_is_better=None, has_unit=True, of_sums=ratio("error", "rows")),
    )

    def figures(self, held_out: pd.DataFrame, label: str, event_time: str, unit: str = "") -> dict[str, Figure]:
        from mlops_core.tasks import plots

        return {
            "predicted_against_actual": plots.predicted_against_actual(held_out, label, unit),
            "residuals_over_time": plots.residuals_over_time(held_out, label, event_time, unit),
        }

    def statistics(self, actual: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
        import numpy as np

        error = predicted - actual
        return {
            "rows": np.ones_like(error),
            "error": error,
            "squared": error**2,
            "absolute": np.abs(error),
            "actual": actual,
            "actual_squared": actual**2,
        }

    def constant(self, labels: np.ndarray) -> float:
        """Their mean."""
        return float(labels.mean())

    def check(self, labels: np.ndarray) -> None:
        """Any finite number is a label."""
