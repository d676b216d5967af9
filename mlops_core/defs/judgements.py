"""The judgements of the monitoring: checks of `monitoring_report`, which only the monitoring materializes.

Dagster shows a check only until its asset is materialized again: checks of `predictions` would disappear with each
batch inference. Asset checks with partitions are a preview in Dagster 1.13: day and model are in the metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.config import ModelTarget, MonitoringWorkflow
from mlops_core.defs.jobs import REPORT
from mlops_core.defs.names import check_of, key_of
from mlops_core.project import Project

if TYPE_CHECKING:
    from mlops_core.monitoring.drift_rule import Drift
    from mlops_core.monitoring.judge import Findings, Judge
    from mlops_core.monitoring.label_rule import Verdict, Windows
    from mlops_core.monitoring.violation import Evaluation

GRACE = timedelta(hours=1)
"""Time allowed for batch inference and a late schedule."""

METRIC, LABELS = "metric_within_threshold", "labels_arrive"
FEATURES, PREDICTIONS = "features_have_not_drifted", "predictions_have_not_drifted"
FRESHNESS = "predictions_are_fresh"
DESCRIPTIONS = {
    METRIC: "The monitored metric kept its threshold in enough of the newest judged days.",
    FEATURES: "No feature of the newest day is distributed unlike the model's training rows.",
    PREDICTIONS: "The newest day's predictions are distributed like those of the training rows.",
    LABELS: "The days whose labels should be there have enough of them.",
    FRESHNESS: "The newest day that should be predicted is, and no prediction is from the future.",
}


def check_specs(project: Project) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=key_of(project, REPORT), description=text) for name, text in DESCRIPTIONS.items()
    ]


def check_key(project: Project, name: str) -> dg.AssetCheckKey:
    return check_of(project, REPORT, name)


def verdicts(judge: "Judge", found: "Findings", due: str | None) -> "dict[str, Verdict]":
    """Name of a check -> whether it passes, and why; `due` is the newest day that should be predicted."""
    features, predictions = found.drift.features, found.drift.predictions
    return {
        METRIC: (not found.metric.violated, found.metric.reason),
        FEATURES: (features.is_fine, features.reason),
        PREDICTIONS: (predictions.is_fine, predictions.reason),
        LABELS: found.windows.labels(judge.label_delay_days, judge.rule.minimum_coverage),
        FRESHNESS: found.windows.freshness(due, judge.now),
    }


def judgements(
    project: Project, target: ModelTarget, days: Sequence[str], judge: "Judge"
) -> Iterator[dg.AssetCheckResult]:
    """The judgement of the newest days; `days` are those with a partition."""
    found = judge.findings()
    due = newest_due(days, target.batch_inference_workflow.cron_schedule, judge.now)
    metadata = {
        METRIC: _of_metric(found.metric),
        FEATURES: _of_drift(found.drift.features),
        PREDICTIONS: _of_drift(found.drift.predictions),
        LABELS: _of_labels(found.windows, target.monitoring_workflow),
        FRESHNESS: _of_freshness(found.windows, due),
    }
    for name, (passed, description) in verdicts(judge, found, due).items():
        yield dg.AssetCheckResult(
            asset_key=key_of(project, REPORT),
            check_name=name,
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR if name == METRIC else dg.AssetCheckSeverity.WARN,
            description=description,
            metadata=metadata[name],
        )


def newest_due(days: Sequence[str], cron: str, now: datetime) -> str | None:
    """The newest of `days` that batch inference, which runs by `cron` after a day has ended, should have predicted."""
    from cronsim import CronSim

    for day in reversed(days):
        ended = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
        if next(CronSim(cron, ended - timedelta(minutes=1))) + GRACE <= now:
            return day
    return None


def _of_metric(found: "Evaluation") -> Mapping[str, Any]:
    rule = found.rule
    return {
        "day": found.newest,
        "model_id": found.model_id,
        "metric": rule.metric.name,
        "direction": rule.metric.direction,
        "threshold": rule.threshold,  # as text: Dagster draws numbers, and a constant says nothing
        "values": found.values,
        **({rule.metric.name: found.values[found.newest]} if found.newest else {}),
        "violating_days": ", ".join(found.violating_days) or "none",
        "label_coverage": None if found.coverage is None else f"{found.coverage:.0%}",
    }


def _of_drift(drift: "Drift") -> Mapping[str, Any]:
    return {
        "day": drift.day,
        "model_id": drift.model_id,
        "drifted": ", ".join(drift.drifted) or "none",
        "population_stability_index": dict(drift.stability),
    }


def _of_labels(windows: "Windows", workflow: MonitoringWorkflow) -> Mapping[str, Any]:
    return {
        "day": windows.newest,
        "label_coverage": dict(windows.coverage),
        "late_days": list(windows.late(workflow.label_delay_days, workflow.minimum_coverage)),
    }


def _of_freshness(windows: "Windows", due: str | None) -> Mapping[str, Any]:
    return {
        "day": windows.newest,
        "due": due,
        "last_prediction_time": str(windows.last_prediction_time),
        "future_days": ", ".join(windows.future_days),
    }
