"""From measured metrics to verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from mlops_core.tasks import Metric
from mlops_core.validation.rules import PLACE, Rule, RuleError
from mlops_core.validation.verdict import CHAMPION_RULE, Verdict, in_unit

Metrics = Mapping[str, float]

ROUNDING = 1e-6
"""Relative tolerance for the order of summation: the same model's metric may differ by this much."""

OFF = "enable_baseline_comparison: false"


def judge(stated: Sequence[Rule], candidate: Metrics, champion: Metrics | None) -> list[Verdict]:
    """One verdict for each rule. Non-finite values fail.

    Args:
        candidate: metric -> value of the version that is judged.
        champion: the same of the champion on the same rows, or None when there is none to compare with.

    Raises:
        RuleError: a rule is about a metric that was not computed.
    """
    return [_judge(rule, candidate, champion) for rule in stated]


def _judge(rule: Rule, candidate: Metrics, champion: Metrics | None) -> Verdict:
    value = _measured(rule.metric, candidate)
    if rule.compares and champion is None:
        return Verdict(rule.name, math.isfinite(value), value, None, "There is no champion to improve on: it passes")
    held = _measured(rule.metric, champion) if rule.compares and champion else None
    bound = rule.bound(held)
    told, limit = in_unit(value, rule.unit), in_unit(bound, rule.unit)
    sentence = f"{rule.metric} of the held-out {rule.nouns} is {told} and must be {rule.direction} {limit}"
    if held is not None:
        sentence += f", since the champion's is {in_unit(held, rule.unit)}"
    sentence = _explained(sentence, value, bound)
    return Verdict(rule.name, _holds(rule, value, bound), value, bound, sentence, rule.unit)


def _measured(metric: str, metrics: Metrics) -> float:
    if metric not in metrics:
        raise RuleError(
            f"{PLACE} has a rule about '{metric}', which is not computed: add it to the custom metrics there, or "
            f"choose one of {', '.join(sorted(metrics))}."
        )
    return metrics[metric]


def _explained(sentence: str, *values: float) -> str:
    if all(map(math.isfinite, values)):
        return sentence
    return f"{sentence}: a value that is not finite fails; look at the rows without a prediction"


def _holds(rule: Rule, value: float, bound: float) -> bool:
    """Whether the value reaches its bound; non-finite values never do."""
    if not (math.isfinite(value) and math.isfinite(bound)):
        return False
    return value >= bound if rule.greater_is_better else value <= bound


def judge_against_champion(
    candidate: Metrics,
    champion: Metrics | None,
    metric: Metric,
    unit: str = "",
    *,
    compared: bool = True,
    former: int | None = None,
    is_champion: bool = False,
    named: Callable[[str], str] = str,
) -> Verdict:
    """The candidate must be at least as good as the champion on the same rows; the first model has none to beat.

    Args:
        metric, unit: in what they are compared, and what that is in.
        compared: whether the comparison is switched on: without it the champion is no reason to fail.
        former: the version that was champion, when there has been one and nobody is it now: an alias that is gone
            must not switch the comparison off.
        is_champion: whether the candidate itself is the champion, which is then compared with nobody.
        named: the name of a job.
    """
    value = _measured(metric.name, candidate)
    if champion is not None:
        return _compared(metric, unit, value, _measured(metric.name, champion))
    if compared and former is not None:
        rollback, training = map(named, ("rollback_job", "model_training_job"))
        lost = (
            f"No version holds the alias champion, though version {former} did: launch {rollback} with it or another "
            f"version that may serve, or run the checks with {OFF}, then launch {training} again"
        )
        return Verdict(CHAMPION_RULE, False, value, None, lost)
    reason = "enable_baseline_comparison is off"
    if compared:
        reason = "It is the champion itself" if is_champion else "There is no champion yet"
    sentence = f"{reason}: the thresholds alone decide about this model"
    return Verdict(CHAMPION_RULE, math.isfinite(value), value, None, sentence)


def _compared(metric: Metric, unit: str, value: float, bound: float) -> Verdict:
    told, limit = in_unit(value, unit), in_unit(bound, unit)
    sentence = f"{metric.name} is {told} for the candidate and {limit} for the champion, on the same rows"
    passed = (
        math.isfinite(value) and math.isfinite(bound) and metric.improvement(value, bound) >= -ROUNDING * abs(bound)
    )
    sentence = _explained(sentence, value, bound)
    return Verdict(CHAMPION_RULE, passed, value, bound, sentence, unit)
