"""The judgements of the monitoring: checks of `monitoring_report`, which nothing but the monitoring makes.

Dagster shows a check only until its asset is made again: as checks of `predictions` they would be gone after each batch
inference. Asset checks with partitions are a preview in Dagster 1.13: day and model are in the metadata.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.config import MonitoringWorkflow, Target
from mlops_core.defs.jobs import REPORT
from mlops_core.project import Project

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mlops_core.monitoring.drift_rule import Drift
    from mlops_core.monitoring.label_rule import Windows
    from mlops_core.monitoring.violation import Evaluation

GRACE = timedelta(hours=1)
"""For so long batch inference may take, and a schedule may be late."""

DESCRIPTIONS = {
    "metric_within_threshold": "The monitored metric kept its threshold in enough of the newest judged days.",
    "features_have_not_drifted": "No feature of the newest day is distributed unlike the model's training rows.",
    "predictions_have_not_drifted": "The newest day's predictions are distributed like those of the training rows.",
    "labels_arrive": "The days whose labels should be there have enough of them.",
    "predictions_are_fresh": "The newest day that should be predicted is, and no prediction is from the future.",
}


def check_specs() -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(name, asset=REPORT, description=text) for name, text in DESCRIPTIONS.items()]


def check_key(name: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(REPORT), name)


def judgements(
    project: Project,
    target: Target,
    days: Sequence[str],
    *,
    profile: "DataFrame",
    drift: "DataFrame",
    now: datetime,
) -> Iterator[dg.AssetCheckResult]:
    """What the monitor tables say of the newest days; `days` are those with a partition, `now` is UTC."""
    from mlops_core.monitoring.drift_rule import newest_drift
    from mlops_core.monitoring.judged_windows import AsOf
    from mlops_core.monitoring.label_rule import LATE_DAYS, newest_windows
    from mlops_core.monitoring.violation import rule_of

    workflow, as_of = target.monitoring_workflow, AsOf(now)
    found = newest_drift(drift, profile, as_of, workflow.minimum_count, project.events.label_column)
    windows = newest_windows(profile, as_of, workflow.label_delay_days + LATE_DAYS)
    yield _metric_within_threshold(rule_of(project, workflow).evaluate(profile, as_of))
    yield _has_not_drifted("features", found.features)
    yield _has_not_drifted("predictions", found.predictions)
    yield _labels_arrive(windows, workflow)
    due = newest_due(days, target.batch_inference_workflow.cron_schedule, now)
    yield _predictions_are_fresh(windows, due, now)


def newest_due(days: Sequence[str], cron: str, now: datetime) -> str | None:
    """The newest of `days` that batch inference, which runs by `cron` after a day has ended, should have predicted."""
    from cronsim import CronSim

    for day in reversed(days):
        ended = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
        if next(CronSim(cron, ended - timedelta(minutes=1))) + GRACE <= now:
            return day
    return None


def _result(name: str, passed: bool, description: str, warn: bool, **metadata: Any) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        asset_key=REPORT,
        check_name=name,
        passed=passed,
        severity=severity,
        description=description,
        metadata=metadata,
    )


def _metric_within_threshold(found: "Evaluation") -> dg.AssetCheckResult:
    rule = found.rule
    return _result(
        "metric_within_threshold",
        not found.violated,
        found.reason,
        warn=False,
        day=found.newest,
        model_id=found.model_id,
        metric=rule.metric.name,
        direction=rule.metric.direction,
        threshold=rule.threshold,  # as text: Dagster draws numbers, and a constant says nothing
        values=found.values,
        **({rule.metric.name: found.values[found.newest]} if found.newest else {}),
        violating_days=", ".join(found.violating_days) or "none",
        label_coverage=None if found.coverage is None else f"{found.coverage:.0%}",
    )


def _has_not_drifted(what: str, drift: "Drift") -> dg.AssetCheckResult:
    return _result(
        f"{what}_have_not_drifted",
        drift.is_fine,
        drift.reason,
        warn=True,
        day=drift.day,
        model_id=drift.model_id,
        drifted=", ".join(drift.drifted) or "none",
        population_stability_index=dict(drift.stability),
    )


def _labels_arrive(windows: "Windows", workflow: MonitoringWorkflow) -> dg.AssetCheckResult:
    passed, said = windows.labels(workflow.label_delay_days, workflow.minimum_coverage)
    return _result(
        "labels_arrive",
        passed,
        said,
        warn=True,
        day=windows.newest,
        label_coverage=dict(windows.coverage),
        late_days=list(windows.late(workflow.label_delay_days, workflow.minimum_coverage)),
    )


def _predictions_are_fresh(windows: "Windows", due: str | None, now: datetime) -> dg.AssetCheckResult:
    passed, said = windows.freshness(due, now)
    return _result(
        "predictions_are_fresh",
        passed,
        said,
        warn=True,
        day=windows.newest,
        due=due,
        last_prediction_time=str(windows.last_prediction_time),
        future_days=", ".join(windows.future_days),
    )
