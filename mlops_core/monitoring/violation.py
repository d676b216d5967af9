"""When a metric has been bad for long enough to act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_core.monitoring.judged_windows import AsOf, Window
from mlops_core.project import Project
from mlops_core.tasks import MonitorMetric

if TYPE_CHECKING:
    from mlops_core.config import MonitoringWorkflow


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

    def evaluate(self, windows: Sequence[Window], as_of: AsOf) -> Evaluation:
        """Judge the newest windows; fewer than asked for are judged too."""
        judged = [window for window in as_of.past(windows) if self._has_labels(window)][: self.num_evaluation_windows]
        values = {window.day: window.value for window in judged if window.value is not None}
        violating = [day for day, value in values.items() if self.metric.is_bad(value, self.metric_violation_threshold)]
        newest = judged[0] if judged else None
        return Evaluation(
            self,
            values={str(day): value for day, value in values.items()},
            violating_days=tuple(map(str, violating)),
            violated=newest is not None and newest.day in violating and len(violating) >= self.num_violation_windows,
            model_id=newest.model_id if newest else None,
            coverage=newest.label_coverage if newest else None,
        )

    def _has_labels(self, window: Window) -> bool:
        enough = window.labelled_count >= self.minimum_count and window.label_coverage >= self.minimum_coverage
        return window.value is not None and enough


@dataclass(frozen=True)
class Evaluation:
    """A rule's result: the metric by day, newest first; model and label coverage are those of the newest."""

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
