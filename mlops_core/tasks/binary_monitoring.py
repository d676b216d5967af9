"""The columns of the profile metrics that a binary classification has, in SQL over the labelled predictions."""

from __future__ import annotations

import sys
from typing import Any

from mlops_core.tasks import binary_metrics as metrics
from mlops_core.tasks.decision import MEAN_COST, Decision
from mlops_core.tasks.metric import Metric
from mlops_core.tasks.monitor_metric import CLASSES, MonitorMetric

ROWS, POSITIVES = "count(actual)", "count(CASE WHEN actual = 1 THEN 1 END)"
BINS = 10

_SMALLEST = f"{sys.float_info.epsilon!r}D"
_PROBABILITY = f"least(greatest(predicted, {_SMALLEST}), 1 - {_SMALLEST})"
_LOSS = f"-ln(CASE WHEN actual = 1 THEN {_PROBABILITY} WHEN actual = 0 THEN 1 - {_PROBABILITY} END)"


def monitored(threshold: str, decision: Decision | None = None) -> tuple[MonitorMetric, ...]:
    """Each metric; of the class that was predicted, which is `alarm`, and 1 from `threshold` on."""
    alarms, hits = "count(CASE WHEN alarm = 1 THEN 1 END)", "count(CASE WHEN alarm = 1 AND actual = 1 THEN 1 END)"
    passes, negatives = f"({ROWS} - {alarms})", f"({ROWS} - {POSITIVES})"
    rejections = f"({ROWS} - {POSITIVES} - {alarms} + {hits})"
    return (
        *_costs(decision),
        MonitorMetric.like(
            metrics.ACCURACY, "Share of the classes that are right", _ratio(f"({hits} + {rejections})", ROWS)
        ),
        MonitorMetric(
            "confusion_matrix",
            "Confusion matrix",
            "Labelled predictions by predicted and actual class",
            _matrix(hits, alarms, rejections),
            greater_is_better=None,
            type="array<struct<prediction:string,label:string,count:bigint>>",
        ),
        _by_class(
            metrics.PRECISION,
            "Share of those predicted to be of a class that are",
            _ratio(rejections, passes),
            _ratio(hits, alarms),
            name="precision",
            drawn_with="class",
            is_shown=True,
        ),
        _by_class(
            metrics.RECALL,
            "Share of a class that is predicted to be of it",
            _ratio(rejections, negatives),
            _ratio(hits, POSITIVES),
            name="recall",
            drawn_with="class",
            is_shown=True,
        ),
        _by_class(
            metrics.F1,
            "Harmonic mean of precision and recall",
            _ratio(f"(2 * {rejections})", f"({passes} + {negatives})"),
            _ratio(f"(2 * {hits})", f"({alarms} + {POSITIVES})"),
            drawn_with="class",
        ),
        _ours(metrics.LOG_LOSS, "Mean negative log-likelihood of the label", f"avg({_LOSS})", is_shown=True),
        _ours(
            metrics.BRIER,
            "Mean squared difference of probability and label",
            "avg((predicted - actual) * (predicted - actual))",
            drawn_with="calibration",
        ),
        _ours(
            metrics.ROC_AUC,
            "Share of the pairs of a 1 and a 0 in which the 1 has the higher probability; half of those with the same",
            _ratio("sum(negatives * (hits - positives / 2))", "(sum(positives) * sum(negatives))"),
            of="scores",
            is_shown=True,
        ),
        _ours(
            metrics.AVERAGE_PRECISION,
            "Mean precision at each probability, weighted by the recall that it adds",
            _ratio("sum(hits / alarms * positives)", "sum(positives)"),
            of="scores",
        ),
        _ours(
            metrics.CALIBRATION_ERROR,
            f"Mean distance of probability and share of 1 in {BINS} bins of the probability",
            _ratio(f"({' + '.join(map(_distance, range(BINS)))})", ROWS),
            drawn_with="calibration",
        ),
        _ours(metrics.BIAS, "Mean of probability less label", "avg(predicted - actual)", is_shown=True),
        _ours(
            metrics.POSITIVE_RATE,
            f"Share of the predictions of class 1, from {threshold} on",
            _ratio(alarms, ROWS),
            drawn_with="rate",
        ),
        MonitorMetric(
            "base_rate",
            "Share of 1",
            "Share of the labels that are 1",
            _ratio(POSITIVES, ROWS),
            greater_is_better=None,
            number="base_rate",
            drawn_with="rate",
            is_shown=True,
            is_ours=True,
        ),
    )


def _costs(decision: Decision | None) -> tuple[MonitorMetric, ...]:
    if decision is None:
        return ()
    meaning = f"Mean cost of a prediction: {decision.false_alarm:g} a false alarm, {decision.miss:g} a miss"
    return (_ours(MEAN_COST, meaning, decision.sql, is_shown=True),)


def _ours(metric: Metric, meaning: str, sql: str, **stated: Any) -> MonitorMetric:
    return MonitorMetric.like(metric, meaning, sql, is_ours=True, **stated)


def _by_class(metric: Metric, meaning: str, of_zero: str, of_one: str, name: str = "", **stated: Any) -> MonitorMetric:
    """A metric of each class against the other, judged by class 1; means are plain, and weighted by the labels."""
    name = name or metric.name
    weighted = f"({of_zero} * ({ROWS} - {POSITIVES}) + {of_one} * {POSITIVES}) / nullif({ROWS}, 0)"
    by_class = f"map('0', {of_zero}, '1', {of_one})"
    sql = f"named_struct('one_vs_all', {by_class}, 'macro', ({of_zero} + {of_one}) / 2, 'weighted', {weighted})"
    return MonitorMetric.like(metric, meaning, sql, name=name, type=CLASSES, number=f"{name}.one_vs_all['1']", **stated)


def _matrix(hits: str, alarms: str, rejections: str) -> str:
    counts = ((0, 0, rejections), (0, 1, f"({POSITIVES} - {hits})"), (1, 0, f"({alarms} - {hits})"), (1, 1, hits))
    cells = (
        f"named_struct('prediction', '{predicted}', 'label', '{actual}', 'count', {count})"
        for predicted, actual, count in counts
    )
    return f"array({', '.join(cells)})"


def _distance(number: int) -> str:
    """By how much the probabilities of a bin are together above or below its labels."""
    inside = f"least(floor(predicted * {BINS}), {BINS - 1}) = {number}"
    return f"abs(coalesce(sum(CASE WHEN {inside} THEN predicted - actual END), 0))"


def _ratio(part: str, whole: str) -> str:
    return f"({part} / nullif({whole}, 0))"
