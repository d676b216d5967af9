"""Whether something happens is predicted: a probability, and at a threshold a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlops_core.tasks.binary_metrics import (
    ACCURACY,
    AVERAGE_PRECISION,
    BIAS,
    BRIER,
    CALIBRATION_ERROR,
    F1,
    LOG_LOSS,
    POSITIVE_RATE,
    PRECISION,
    RECALL,
    ROC_AUC,
)
from mlops_core.tasks.binary_monitoring import monitored
from mlops_core.tasks.monitor_metric import MonitorMetric
from mlops_core.tasks.task import Output, Task, UnusableRowsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class BinaryClassification(Task):
    """The prediction is the probability of the label 1; from `threshold` on the class is 1, else 0."""

    threshold: float = 0.5

    predict_method = "predict_proba"
    label_types: ClassVar[tuple[str, ...]] = (*Task.label_types, "boolean")
    answer_type = "array<double>"  # of a class each, or of the label 1 alone: the last is that of the label 1
    compared = "log_loss"
    plotted: ClassVar = {"Class share": ("base_rate", "positive_rate")}
    metrics = (
        LOG_LOSS,
        ROC_AUC,
        AVERAGE_PRECISION,
        BRIER,
        PRECISION,
        RECALL,
        F1,
        ACCURACY,
        POSITIVE_RATE,
        BIAS,
        CALIBRATION_ERROR,
    )

    @property
    def monitored(self) -> tuple[MonitorMetric, ...]:
        return monitored(self.threshold)

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"BinaryClassification: threshold must be between 0 and 1, not {self.threshold}.")

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The probability, and the class that follows from it."""
        probability = "element_at(prediction, -1)"
        is_positive = f"CAST({probability} >= {self.threshold} AS INT)"
        return (
            Output("prediction", "double", "Probability that `{label}` is 1", probability),
            Output("predicted_class", "int", f"1 from a probability of {self.threshold:g} on, else 0", is_positive),
        )

    def figures(self, held_out: pd.DataFrame, label: str, event_time: str, unit: str = "") -> dict[str, Figure]:  # noqa: ARG002
        from mlops_core.tasks import plots

        return {
            "roc_curve": plots.roc(held_out, label),
            "precision_recall_curve": plots.precision_recall(held_out, label, self.threshold),
            "calibration": plots.calibration(held_out, label),
        }

    def statistics(self, actual: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
        import numpy as np

        smallest = np.finfo(float).eps  # a probability of exactly 0 or 1 would have an infinite loss
        probability = np.clip(predicted, smallest, 1 - smallest)
        alarm = (predicted >= self.threshold).astype(float)
        return {
            "rows": np.ones_like(predicted),
            "log_loss": -(actual * np.log(probability) + (1 - actual) * np.log(1 - probability)),
            "squared": (predicted - actual) ** 2,
            "error": predicted - actual,
            "positives": actual,
            "alarms": alarm,
            "hits": alarm * actual,
        }

    def constant(self, labels: np.ndarray) -> float:
        """The base rate: the share of ones."""
        return float(labels.mean())

    def check(self, labels: np.ndarray) -> None:
        """Refuse labels other than 0 and 1."""
        import numpy as np

        others = sorted(set(np.unique(labels)) - {0, 1})
        if others:
            shown = ", ".join(f"{value:g}" for value in others[:5])
            raise UnusableRowsError(
                f"A binary label is 0 or 1, and these rows have {shown} too: declare a column that is computed_by the "
                'label as such, as in "label = 2".'
            )

    def fault(self, predicted: np.ndarray) -> str:
        outside = int(((predicted < 0) | (predicted > 1)).sum())
        return f"{outside} are no probabilities from 0 to 1" if outside else ""
