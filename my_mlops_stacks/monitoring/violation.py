"""When a metric is bad for long enough to act on it."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class ViolationRule:
    """At least `num_violation_windows` of the last `num_evaluation_windows` windows exceed, the newest among them."""

    metric_to_monitor: str
    metric_violation_threshold: float
    num_evaluation_windows: int
    num_violation_windows: int

    def evaluate(self, profile: DataFrame) -> Evaluation:
        """Judge the newest days that have the metric, by their newest version; fewer than asked for are judged too.

        Args:
            profile: rows of the profile metrics table.

        Raises:
            ValueError: the table does not have the metric.
        """
        if self.metric_to_monitor not in profile.columns:
            raise ValueError(
                f"metric_to_monitor '{self.metric_to_monitor}' in resources/monitoring-workflow-resource.yml is not a "
                f"column of the profile metrics: choose one of {', '.join(profile.columns)}."
            )
        newest = (
            profile.where(F.col(self.metric_to_monitor).isNotNull() & (F.col("column_name") == ":table"))
            .groupBy("day")
            .agg(F.max_by(self.metric_to_monitor, F.substring_index("model_id", "/", -1).cast("int")).alias("value"))
            .orderBy(F.desc("day"))
            .limit(self.num_evaluation_windows)
        )
        return Evaluation(self, {str(row["day"]): row["value"] for row in newest.collect()})


@dataclass(frozen=True)
class Evaluation:
    """What a rule found: the metric by day, newest first."""

    rule: ViolationRule
    values: dict[str, float]

    @property
    def violating_days(self) -> list[str]:
        return [day for day, value in self.values.items() if value > self.rule.metric_violation_threshold]

    @property
    def violated(self) -> bool:
        newest = next(iter(self.values), None)
        return newest in self.violating_days and len(self.violating_days) >= self.rule.num_violation_windows

    @property
    def reason(self) -> str:
        """One sentence for people: what was measured, against what."""
        rule, bad, judged = self.rule, len(self.violating_days), len(self.values)
        days = ", ".join(f"{day}: {value:.4g}" for day, value in self.values.items())
        return (
            f"{rule.metric_to_monitor} exceeds {rule.metric_violation_threshold:g} in {bad} of the last {judged} days "
            f"(a violation takes {rule.num_violation_windows}, the newest among them): {days or 'no days'}"
        )
