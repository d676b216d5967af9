"""Whether something happens is predicted: a probability, and at a threshold a class."""

from __future__ import annotations

from copy import copy
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
from mlops_core.tasks.decision import MEAN_COST, Decision
from mlops_core.tasks.metric import Metric
from mlops_core.tasks.monitor_metric import MonitorMetric
from mlops_core.tasks.shape import Label, Probability
from mlops_core.tasks.sums import SMALLEST
from mlops_core.tasks.task import Output, Task, UnusableRowsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure


METRICS = (
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
HALF = 0.5


@dataclass(frozen=True)
class BinaryClassification(Task):
    """The prediction is the probability of the label 1; from `threshold` on the class is 1, else 0.

    With a `decision` each version has a threshold of its own, which its training chose by the cost; models are compared
    by the mean cost. Without one, `threshold` is that of all, 0.5 unless it is stated.
    """

    threshold: float = None  # type: ignore[assignment]
    decision: Decision | None = None

    usable = "actual IN (0D, 1D) AND predicted BETWEEN 0 AND 1"
    predict_method = "predict_proba"
    label_types: ClassVar[tuple[str, ...]] = (*Task.label_types, "boolean")
    answer_type = "array<double>"  # of a class each, or of the label 1 alone: the last is that of the label 1
    shape = Probability()
    plotted: ClassVar = {"Class share": ("base_rate", "positive_rate")}

    @property
    def compared(self) -> str:  # type: ignore[override]
        return MEAN_COST.name if self.decision else LOG_LOSS.name

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (MEAN_COST, *METRICS) if self.decision else METRICS

    @property
    def monitored(self) -> tuple[MonitorMetric, ...]:
        return monitored(self._told, self.decision)

    def __post_init__(self) -> None:
        if self.decision is not None and not isinstance(self.decision, Decision):
            raise ValueError(f"BinaryClassification: decision must be a Decision, not {self.decision!r}.")
        if self.decision is not None and self.threshold is not None:
            raise ValueError("BinaryClassification: state a threshold, or a decision that chooses one, not both.")
        if self.threshold is None:
            object.__setattr__(self, "threshold", self.decision.break_even if self.decision else HALF)
        if not 0 < self.threshold < 1:
            raise ValueError(f"BinaryClassification: threshold must be between 0 and 1, not {self.threshold}.")

    def at(self, threshold: float | None) -> BinaryClassification:
        if self.decision is None or threshold is None:
            return self
        other = copy(self)
        object.__setattr__(other, "threshold", threshold)
        return other

    @property
    def of_constant(self) -> BinaryClassification:
        return self.at(self.decision.break_even) if self.decision else self

    @property
    def _told(self) -> str:
        return "the version's threshold" if self.decision else f"{self.threshold:g}"

    @property
    def label_classes(self) -> tuple[Label, ...]:
        return 0, 1

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The probability, and the class that follows from it."""
        probability = "element_at(prediction, -1)"
        is_positive = f"CAST({probability} >= {self.threshold!r}D AS INT)"
        return (
            Output("prediction", "double", "Probability that `{label}` is 1", probability),
            Output("predicted_class", "int", f"1 from a probability of {self._told} on, else 0", is_positive),
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

        probability = np.clip(predicted, SMALLEST, 1 - SMALLEST)
        alarm = (predicted >= self.threshold).astype(float)
        cost = {"cost": self.decision.cost(actual, alarm)} if self.decision else {}
        return cost | {
            "rows": np.ones_like(predicted),
            "log_loss": -(actual * np.log(probability) + (1 - actual) * np.log(1 - probability)),
            "squared": (predicted - actual) ** 2,
            "error": predicted - actual,
            "positives": actual,
            "alarms": alarm,
            "hits": alarm * actual,
        }

    @property
    def summed(self) -> dict[str, str]:
        probability = f"least(greatest(predicted, {SMALLEST!r}D), {1 - SMALLEST!r}D)"
        alarm = f"CAST(predicted >= {self.threshold!r}D AS double)"
        cost = {"cost": self.decision.summed(alarm)} if self.decision else {}
        return cost | {
            "rows": "1D",
            "log_loss": f"-(actual * ln({probability}) + (1 - actual) * ln(1 - {probability}))",
            "squared": "(predicted - actual) * (predicted - actual)",
            "error": "predicted - actual",
            "positives": "actual",
            "alarms": alarm,
            "hits": f"{alarm} * actual",
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
