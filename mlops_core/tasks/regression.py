"""A number is predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.tasks.metric import SumMetric, Sums
from mlops_core.tasks.monitor_metric import LABEL_UNIT, MonitorMetric
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


RMSE = SumMetric("root_mean_squared_error", "RMSE", greater_is_better=False, has_unit=True, of_sums=_rmse)
MAE = SumMetric("mean_absolute_error", "MAE", greater_is_better=False, has_unit=True, of_sums=ratio("absolute", "rows"))
R2 = SumMetric("r2_score", "R2", greater_is_better=True, of_sums=_r2)
BIAS = SumMetric("bias", "Bias", greater_is_better=None, has_unit=True, of_sums=ratio("error", "rows"))

ERROR = "(predicted - actual)"
MSE = f"avg({ERROR} * {ERROR})"


class Regression(Task):
    """The prediction is a number, in the label's unit."""

    model_type = "regressor"
    compared = "root_mean_squared_error"
    outputs = (Output("prediction", "double", "Prediction of `{label}`", "prediction", has_unit=True),)
    metrics = (RMSE, MAE, R2, BIAS)
    monitored = (
        MonitorMetric(
            "mean_squared_error",
            "MSE",
            "Mean squared error",
            MSE,
            greater_is_better=False,
            unit=f"{LABEL_UNIT} squared",
            number="mean_squared_error",
        ),
        MonitorMetric.like(RMSE, "Root mean squared error", f"sqrt({MSE})", drawn_with="error", is_shown=True),
        MonitorMetric.like(
            MAE,
            "Mean absolute error",
            f"avg(abs({ERROR}))",
            name="mean_average_error",
            drawn_with="error",
            is_shown=True,
        ),
        MonitorMetric(
            "mean_absolute_percentage_error",
            "MAPE",
            "Mean absolute error as a share",
            f"avg(abs({ERROR}) / nullif(abs(actual), 0))",
            greater_is_better=False,
            unit="of the label",
            number="mean_absolute_percentage_error",
        ),
        # One labelled row, or labels that are all the same, have no variance to explain: null, not infinity.
        MonitorMetric.like(
            R2,
            "Share of the labels' variance that is explained; null when they are all the same",
            f"CASE WHEN var_pop(actual) > 0 THEN 1 - {MSE} / var_pop(actual) END",
            is_shown=True,
        ),
        MonitorMetric.like(BIAS, "Mean of predicted less actual", f"avg({ERROR})", is_shown=True, is_ours=True),
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

    @property
    def summed(self) -> dict[str, str]:
        return {
            "rows": "1D",
            "error": ERROR,
            "squared": f"{ERROR} * {ERROR}",
            "absolute": f"abs({ERROR})",
            "actual": "actual",
            "actual_squared": "actual * actual",
        }

    def constant(self, labels: np.ndarray) -> float:
        """Their mean."""
        return float(labels.mean())

    def check(self, labels: np.ndarray) -> None:
        """Any finite number is a label."""
