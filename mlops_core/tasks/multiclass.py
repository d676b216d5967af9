"""Which of several classes something is of is predicted: a probability of each, and the likeliest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_core.tasks.class_names import refusal, slugs_of
from mlops_core.tasks.classes import Classes
from mlops_core.tasks.metric import Metric
from mlops_core.tasks.monitor_metric import MonitorMetric
from mlops_core.tasks.multiclass_metrics import HITS, LABELS, PREDICTED, metrics, summed
from mlops_core.tasks.multiclass_monitoring import MOST_DRAWN, monitored
from mlops_core.tasks.shape import Label
from mlops_core.tasks.sums import SMALLEST
from mlops_core.tasks.task import Output, Task, UnusableRowsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

ROUNDING = 1e-3
"""By so much probabilities of single precision may miss a sum of 1."""


@dataclass(frozen=True)
class MulticlassClassification(Task):
    """The prediction is the likeliest of `classes`, which are the values of the label, texts or whole numbers.

    `predict` of the project gives a probability of each, (rows x classes): in the order of `classes_` of a model that
    has them, as `predict_proba` of scikit-learn does, else in this order. A class that no training row was of has the
    probability 0; of equals, the first in this order is predicted.
    """

    classes: tuple[Label, ...]

    predict_method = "predict_proba"
    answer_type = "array<double>"
    compared = "log_loss"

    def __post_init__(self) -> None:
        if not isinstance(self.classes, tuple | list):
            raise ValueError(
                f"MulticlassClassification: classes must be a tuple, such as ('a', 'b', 'c'), not {self.classes!r}."
            )
        object.__setattr__(self, "classes", tuple(self.classes))
        if why := refusal(self.classes):
            raise ValueError(f"MulticlassClassification: {why}.")

    @property
    def label_types(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("string",) if self.shape.is_text else ("int", "bigint")

    @cached_property
    def shape(self) -> Classes:  # type: ignore[override]
        return Classes(self.classes)

    @property
    def label_classes(self) -> tuple[Label, ...]:
        return self.classes

    @property
    def outputs(self) -> tuple[Output, ...]:
        return self.shape.outputs

    @cached_property
    def slugs(self) -> Mapping[str, str]:
        """Class as the name of a metric has it -> as people read it."""
        return dict(zip(slugs_of(self.classes), map(str, self.classes), strict=True))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return metrics(self.slugs)

    @cached_property
    def monitored(self) -> tuple[MonitorMetric, ...]:
        return monitored(self.slugs, self.shape)

    @property
    def plotted(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        drawn = list(self.slugs)[:MOST_DRAWN]
        return {
            "Predicted share": tuple(f"predicted_share_{slug}" for slug in drawn),
            "Class share": tuple(f"label_share_{slug}" for slug in drawn),
        }

    def figures(self, held_out: pd.DataFrame, label: str, event_time: str, unit: str = "") -> dict[str, Figure]:  # noqa: ARG002
        from mlops_core.tasks import class_plots

        actual, answers = self.shape.labels(held_out[label]), self.shape.answers(held_out["prediction"])
        predicted, names = answers.argmax(axis=1), list(self.slugs.values())
        return {
            "confusion_matrix": class_plots.confusion_matrix(actual, predicted, names),
            "classes": class_plots.scores_by_class(actual, predicted, names),
        }

    def statistics(self, actual: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
        import numpy as np

        place, likeliest = actual.astype(int), predicted.argmax(axis=1)
        is_of = (place[:, None] == np.arange(len(self.classes))).astype(float)
        of_label = np.clip((predicted * is_of).sum(axis=1), SMALLEST, 1)
        sums = {
            "rows": np.ones(len(actual)),
            "log_loss": -np.log(of_label),
            "squared": ((predicted - is_of) ** 2).sum(axis=1),
            "hits": (place == likeliest).astype(float),
        }
        for each in range(len(self.classes)):
            is_predicted = (likeliest == each).astype(float)
            sums |= {LABELS.format(each): is_of[:, each], PREDICTED.format(each): is_predicted}
            sums[HITS.format(each)] = is_of[:, each] * is_predicted
        return sums

    @property
    def summed(self) -> Mapping[str, str]:
        return summed(len(self.classes))

    @property
    def usable(self) -> str:  # type: ignore[override]
        total = " + ".join(f"get(predicted, {place})" for place in range(len(self.classes)))
        in_range = "array_min(predicted) >= 0 AND array_max(predicted) <= 1"
        return f"actual >= 0 AND {in_range} AND abs({total} - 1) <= {ROUNDING}"

    def constant(self, labels: np.ndarray) -> np.ndarray:
        """The share of each class."""
        import numpy as np

        return np.bincount(labels.astype(int), minlength=len(self.classes)) / len(labels)

    def check(self, labels: np.ndarray) -> None:
        """Refuse what is no place of a class; `shape.labels` has refused labels of other classes."""
        if others := sorted(set(labels.tolist()) - set(range(len(self.classes)))):
            raise UnusableRowsError(
                f"A label is given as the place of its class, 0 to {len(self.classes) - 1}, not as {others[0]:g}: take "
                "it from `shape.labels`."
            )

    def fault(self, predicted: np.ndarray) -> str:
        import numpy as np

        if predicted.shape != self.shape.of(len(predicted)):
            return f"of the shape {predicted.shape}, none is {self.shape.says}"
        outside = int(((predicted < 0) | (predicted > 1)).any(axis=1).sum())
        if outside:
            return f"{outside} are no probabilities from 0 to 1"
        others = int((np.abs(predicted.sum(axis=1) - 1) > ROUNDING).sum())
        return f"{others} do not sum to 1 over the classes" if others else ""
