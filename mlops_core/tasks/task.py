"""The kind of a problem, as far as machinery has to know it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlops_core.tasks.metric import Metric, Sums
from mlops_core.tasks.monitor_metric import MonitorMetric
from mlops_core.tasks.shape import Label, Shape

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

HEADLINES = 3
"""So many metrics, the first ones of a task, stand where there is little room."""


class UnusableRowsError(ValueError):
    """Rows that measure nothing."""


@dataclass(frozen=True)
class Output:
    """One column of a prediction.

    Args:
        meaning: One sentence, in which `{label}` is the label's column.
        sql: Its value, over the model's answer, `prediction`, in the type that the task asks for.
        has_unit: Whether it is in the label's unit.
    """

    name: str
    type: str
    meaning: str
    sql: str
    has_unit: bool = False


def is_known(values: np.ndarray) -> np.ndarray:
    """Of each row, whether all its numbers are finite."""
    import numpy as np

    return np.isfinite(values).all(axis=tuple(range(1, values.ndim)))


class Task(ABC):
    """A kind of problem."""

    compared: str
    """The metric in which two models are compared unless a project says otherwise."""
    plotted: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Pictures of days beside that of the monitored metric: title -> the metrics that are drawn in it."""

    label_types: ClassVar[tuple[str, ...]] = ("int", "bigint", "float", "double")
    """Spark's names of the types that a label can have."""

    answer_type: str = "double"
    """The type in which a feature store is asked for the model's answer."""

    predict_method: str = "predict"
    """The method of a scikit-learn estimator that answers."""

    shape: Shape = Shape()
    """What a prediction is in the project's functions, in metrics and in tables."""

    model_type: str | None = None
    """The `model_type` of MLflow's evaluation whose metrics of `prediction` are logged too; None without one."""

    @property
    def label_classes(self) -> tuple[Label, ...]:
        """The classes of a label; none where it is a number."""
        return ()

    @property
    @abstractmethod
    def outputs(self) -> tuple[Output, ...]:
        """The columns of a prediction; metrics are of `shape.answer`, monitoring describes the first, `prediction`."""

    @abstractmethod
    def figures(self, held_out: pd.DataFrame, label: str, event_time: str, unit: str = "") -> dict[str, Figure]:
        """Pictures by their names of held-out rows, whose `prediction` is what `shape.column` makes of answers."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """All of them, in the order in which people read them."""

    @property
    @abstractmethod
    def monitored(self) -> tuple[MonitorMetric, ...]:
        """The columns of the profile metrics that tell how a day's labelled predictions did, in their order."""

    @abstractmethod
    def statistics(self, actual: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """What each row adds to the sums that metrics are made of; `rows` among them, which is 1 for each."""

    @property
    @abstractmethod
    def summed(self) -> Mapping[str, str]:
        """The same in SQL, over `actual` and `predicted`, a label and an answer as metrics take them."""

    usable: str = "true"
    """Whether a finite label and a finite answer are of this kind of problem, in SQL over `actual` and `predicted`."""

    @abstractmethod
    def constant(self, labels: np.ndarray) -> float | np.ndarray:
        """The best prediction that is the same for every row, by the labels of the training rows."""

    @abstractmethod
    def check(self, labels: np.ndarray) -> None:
        """Refuse labels that are none of this kind of problem.

        Raises:
            UnusableRowsError: says which values there are.
        """

    def require_learnable(self, labels: np.ndarray) -> None:
        """Refuse labels that no model learns from: none of this kind of problem, or all of one class.

        Raises:
            UnusableRowsError: says which there are.
        """
        self.check(labels)
        classes = self.label_classes
        present = set(labels.astype(int).tolist()) if classes else set()
        if len(present) == 1:
            raise UnusableRowsError(
                f"All {len(labels):,} labels to train on are {classes[present.pop()]!r}, and a model needs two classes "
                "to tell apart: ingest more days, or look at how the label is made."
            )

    def at(self, threshold: float | None) -> Task:  # noqa: ARG002
        """The task of one version, by the threshold that was chosen for it; None where none was."""
        return self

    @property
    def of_constant(self) -> Task:
        """The task by which a prediction is measured that is the same for every row."""
        return self

    def fault(self, predicted: np.ndarray) -> str:  # noqa: ARG002
        """What is wrong with finite predictions; empty when nothing is."""
        return ""

    def headlines(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Of the values that are given, those of the task's foremost metrics."""
        return {metric.name: measured[metric.name] for metric in self.metrics[:HEADLINES] if metric.name in measured}

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            KeyError: there is none; the message has the choices.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = ", ".join(metric.name for metric in self.metrics)
        raise KeyError(f"There is no metric '{name}' of a {type(self).__name__}: choose one of {known}.")

    @property
    def judged(self) -> tuple[MonitorMetric, ...]:
        """Those of `monitored` that are one number, by which a day can be judged."""
        return tuple(metric for metric in self.monitored if metric.number)

    def monitor_metric(self, name: str) -> MonitorMetric:
        """The metric of that name, by which days are judged.

        Raises:
            ValueError: there is none; the message has the choices.
        """
        for metric in self.judged:
            if metric.name == name:
                return metric
        known = ", ".join(metric.name for metric in self.judged)
        raise ValueError(f"no day of a {type(self).__name__} is judged by '{name}': choose one of {known}")

    def drawn_with(self, metric: MonitorMetric) -> tuple[MonitorMetric, ...]:
        """What is drawn in one picture with the metric, itself among them."""
        together = [each for each in self.judged if each.drawn_with and each.drawn_with == metric.drawn_with]
        return tuple(together) or (metric,)

    def measure(self, actual: np.ndarray, predicted: np.ndarray, sums: Sums | None = None) -> dict[str, float]:
        """Every metric of some rows; NaN for one that they do not determine.

        Args:
            actual, predicted: labels and answers as `shape` has them.
            sums: the task's statistics of more rows, of which these are a sample: what follows from sums is of them.

        Raises:
            UnusableRowsError: there are no rows, a label is none of the task's, or a value is not finite.
        """
        self._check_rows(actual, predicted)
        statistics = self.statistics(actual, predicted) if sums is None else sums
        return {metric.name: metric.value(statistics, actual, predicted) for metric in self.metrics}

    def _check_rows(self, actual: np.ndarray, predicted: np.ndarray) -> None:
        if not len(actual):
            raise UnusableRowsError("There are no rows to measure a model on: hold out days that have labelled events.")
        for name, values in (("labels", actual), ("predictions", predicted)):
            if bad := int((~is_known(values)).sum()):
                raise UnusableRowsError(f"{bad} of {len(values)} {name} are no finite numbers.")
        if fault := self.fault(predicted):
            raise UnusableRowsError(f"Of {len(predicted)} predictions, {fault}: see what `predict` of training gives.")
        self.check(actual)
