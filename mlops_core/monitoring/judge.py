"""Judging a day by all rules, from one read of the monitor tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from mlops_core.monitoring.drift_rule import Comparison, Drift, comparisons_of, newest_drift
from mlops_core.monitoring.judged_windows import AsOf, Window, windows_of
from mlops_core.monitoring.label_rule import LATE_DAYS, Windows, newest_windows
from mlops_core.monitoring.violation import Evaluation, ViolationRule, rule_of
from mlops_core.project import Project

if TYPE_CHECKING:
    from mlops_core.config import MonitoringWorkflow


@dataclass(frozen=True)
class Findings:
    """The rules' results for a day and those before it."""

    metric: Evaluation
    drift: Drift
    windows: Windows


@dataclass(frozen=True)
class Judge:
    """The rules of a target, and what they look at; `now` is UTC."""

    rule: ViolationRule
    label: str
    label_delay_days: int
    now: datetime
    windows: Sequence[Window]
    comparisons: Sequence[Comparison]

    def findings(self, day: date | None = None) -> Findings:
        """Of `day`, else of the newest one, with the labels that have arrived until now."""
        as_of = AsOf(self.now, day)
        return Findings(
            self.rule.evaluate(self.windows, as_of),
            newest_drift(self.comparisons, self.windows, as_of, self.rule.minimum_count, self.label),
            newest_windows(self.windows, as_of, self.label_delay_days + LATE_DAYS),
        )


def judge_of(
    project: Project,
    workflow: MonitoringWorkflow,
    *,
    profile: DataFrame,
    drift: DataFrame,
    now: datetime,
    first: date | None = None,
) -> Judge:
    """Read the monitor tables once, to judge the newest day and every day from `first` on."""
    rule = rule_of(project, workflow)
    windows = windows_of(profile, rule.metric, now)
    asked = (first or now.date(), now.date())
    # A day without predictions is judged by the newest one before it.
    newest = [window.day for day in asked for window in AsOf(now, day).past(windows)[:1]]
    comparisons = comparisons_of(drift, min(*asked, *newest))
    return Judge(rule, project.events.label_column, workflow.label_delay_days, now, windows, comparisons)
