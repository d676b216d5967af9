"""A metric as the monitoring computes and judges it: one column of the profile metrics, in SQL."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from mlops_core.tasks.metric import Metric

ABOVE, BELOW, AWAY = "above", "below", "away from zero beyond"
LABEL_UNIT = "{label}"
Over = Literal["rows", "scores", "cells", "classes"]
CLASSES = "struct<one_vs_all:map<string,double>,macro:double,weighted:double>"
"""Spark's type of a metric by class, as Databricks' data quality monitoring has it."""


@dataclass(frozen=True)
class MonitorMetric:
    """What is said of the labelled predictions of a day, as a whole and in each slice.

    Args:
        name: Its column, as Databricks' data quality monitoring calls it where it has it.
        title: For people.
        meaning: One sentence, without the unit.
        sql: An aggregate. Of "rows" it is over `actual` and `predicted`, numbers that are both null where label or
            prediction is unknown, as is `alarm`, the predicted class of a binary classification. Of "scores" it is over
            one row for each distinct prediction: how many labelled rows have it, `positives` and `negatives`, and how
            many have it or a higher one, positives as `hits`, all as `alarms`. Where a class is predicted, "rows" have
            the places of both classes, the probability of the label's as `likelihood`, and all as
            `class_probabilities`, and "scores" are those of one class, over which the metric is averaged; "cells" are
            over one row for each `prediction` and `label` with their `count`, "classes" over one for each `class`, with
            its `labels`, the `predictions` of it, those of them that are right as `hits`, and the labelled rows of all
            classes as `everything`. Empty when only `number` tells it, by other columns.
        greater_is_better: None when it is best at zero, from either side.
        of: What `sql` is over.
        unit: What it is in; "{label}" stands for the label's unit.
        type: Spark's name of its type.
        number: SQL of the one number of it that is judged and shown; empty when it has none.
        drawn_with: Metrics of the same name here are drawn in one picture.
        is_shown: Whether the page of a day has it.
        is_ours: Whether Databricks has no such column.
    """

    name: str
    title: str
    meaning: str
    sql: str
    _: KW_ONLY
    greater_is_better: bool | None
    of: Over = "rows"
    unit: str = ""
    type: str = "double"
    number: str = ""
    drawn_with: str = ""
    is_shown: bool = False
    is_ours: bool = False

    @property
    def is_column(self) -> bool:
        """Whether the profile metrics have a column of it."""
        return bool(self.sql)

    @classmethod
    def like(cls, metric: Metric, meaning: str, sql: str, **stated: Any) -> MonitorMetric:
        """The metric of a task as a column; under the same name unless `stated` has Databricks' own."""
        name = stated.pop("name", metric.name)
        facts: dict[str, Any] = {
            "greater_is_better": metric.greater_is_better,
            "unit": LABEL_UNIT if metric.has_unit else "",
            "number": name,
        }
        return cls(name, metric.title, meaning, sql, **(facts | stated))

    @property
    def direction(self) -> str:
        """On which side of a threshold it is bad."""
        return AWAY if self.greater_is_better is None else BELOW if self.greater_is_better else ABOVE

    def is_bad(self, value: float, threshold: float) -> bool:
        """Whether the value is beyond the threshold, on the side on which the metric is bad."""
        if self.greater_is_better is None:
            return abs(value) > threshold
        return value < threshold if self.greater_is_better else value > threshold

    def unit_of(self, label_unit: str) -> str:
        """What it is in, for people; empty when it has no unit, or the label has none."""
        if LABEL_UNIT in self.unit and not label_unit:
            return ""
        return self.unit.replace(LABEL_UNIT, label_unit)

    def description(self, label_unit: str) -> str:
        """The column's description."""
        unit = self.unit_of(label_unit)
        return f"{self.meaning}{f', {unit}' if unit else ''}{'; ours' if self.is_ours else ''}"
