"""When a metric is bad for long enough to act on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from mlops_core.monitoring.judged_windows import SCORED, AsOf, rows_of
from mlops_core.project import Project
from mlops_core.tasks import MonitorMetric
from mlops_core.tasks.monitor_metric import ABOVE, AWAY, BELOW

if TYPE_CHECKING:
    from mlops_core.config import MonitoringWorkflow

_VIOLATES = {ABOVE: "value > :threshold", BELOW: "value < :threshold", AWAY: "abs(value) > :threshold"}

QUERY = f"""{SCORED}, judged AS (
    SELECT day, model_id, labelled_count, label_coverage, {{metric}} AS value,
           row_number() OVER (ORDER BY day DESC) AS back
    FROM windows
    WHERE {{metric}} IS NOT NULL AND labelled_count >= :minimum_count AND label_coverage >= :minimum_coverage
), evaluated AS (
    SELECT *, {{violates}} AS violates FROM judged WHERE back <= :windows
)
SELECT day, model_id, value, labelled_count, label_coverage, violates,
       sum(CASE WHEN violates THEN 1 ELSE 0 END) OVER () >= :violations
       AND sum(CASE WHEN violates AND back = 1 THEN 1 ELSE 0 END) OVER () = 1 AS violated
FROM evaluated ORDER BY day DESC
"""  # noqa: S608, made of constants; the metric is one of the task's
"""The newest judged windows of {{profile}}, newest first, and whether they are a violation."""


@dataclass(frozen=True)
class ViolationRule:
    """At least `num_violation_windows` of the newest `num_evaluation_windows` windows violate, the newest among them.

    Windows in which fewer than `minimum_count` predictions, or less than the share `minimum_coverage`, have their
    label are passed over: they can't be judged yet.
    """

    metric: MonitorMetric
    unit: str
    metric_violation_threshold: float
    num_evaluation_windows: int
    num_violation_windows: int
    minimum_coverage: float
    minimum_count: int

    @property
    def threshold(self) -> str:
        """The threshold with its unit, for people."""
        return f"{self.metric_violation_threshold:g} {self.unit}".strip()

    def evaluate(self, profile: DataFrame, as_of: AsOf) -> Evaluation:
        """Judge the newest windows of the profile metrics table; fewer than asked for are judged too."""
        violates = _VIOLATES[self.metric.direction]
        query = QUERY.replace("{violates}", violates).replace("{metric}", self.metric.number)
        parameters = {
            "threshold": float(self.metric_violation_threshold),
            "windows": self.num_evaluation_windows,
            "violations": self.num_violation_windows,
            "minimum_count": self.minimum_count,
            "minimum_coverage": float(self.minimum_coverage),
        }
        rows = rows_of(query, as_of, parameters, profile=profile)
        return Evaluation(
            self,
            values={str(row["day"]): row["value"] for row in rows},
            violating_days=tuple(str(row["day"]) for row in rows if row["violates"]),
            violated=bool(rows and rows[0]["violated"]),
            model_id=rows[0]["model_id"] if rows else None,
            coverage=rows[0]["label_coverage"] if rows else None,
        )


@dataclass(frozen=True)
class Evaluation:
    """What a rule found: the metric by day, newest first; model and label coverage are those of the newest."""

    rule: ViolationRule
    values: dict[str, float]
    violating_days: tuple[str, ...]
    violated: bool
    model_id: str | None
    coverage: float | None

    @property
    def newest(self) -> str | None:
        return next(iter(self.values), None)

    @property
    def reason(self) -> str:
        """One sentence for people: what was measured, against what."""
        rule = self.rule
        if not self.values:
            return (
                f"{rule.metric.name} can't be judged: no day has the labels of {rule.minimum_coverage:.0%} and of "
                f"at least {rule.minimum_count} of its predictions"
            )
        days = ", ".join(f"{day}: {value:.4g}" for day, value in self.values.items())
        return (
            f"{rule.metric.name} is {rule.metric.direction} {rule.threshold} in "
            f"{len(self.violating_days)} of the last {len(self.values)} days (a violation takes "
            f"{rule.num_violation_windows}, the newest among them): {days}"
        )


def rule_of(project: Project, workflow: MonitoringWorkflow) -> ViolationRule:
    """The rule that a target's `monitoring_workflow` states.

    Raises:
        ValueError: no day is judged by its metric.
    """
    metric = project.model.task.monitor_metric(workflow.metric_to_monitor)
    return ViolationRule(
        metric,
        metric.unit_of(project.events.label_unit),
        workflow.metric_violation_threshold,
        workflow.num_evaluation_windows,
        workflow.num_violation_windows,
        minimum_coverage=workflow.minimum_coverage,
        minimum_count=workflow.minimum_count,
    )
