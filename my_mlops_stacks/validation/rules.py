"""From `THRESHOLDS` to rules, one check each, and from measured metrics to their verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from my_mlops_stacks.validation.validation import COMPARED_METRIC, THRESHOLDS
from my_mlops_stacks.validation.verdict import CHAMPION_RULE, Verdict

if TYPE_CHECKING:
    from mlflow.models import MetricThreshold

Metrics = Mapping[str, float]

ROUNDING = 1e-6
"""Relative: how much the same model's metric may differ by the order in which its rows were summed."""

CHANGES = ("min_absolute_change", "min_relative_change")
LIMITS = ("threshold", *CHANGES)
PLACE = "THRESHOLDS in validation/validation.py"


class RuleError(ValueError):
    """`THRESHOLDS` says something that is no rule, or asks for a metric that nothing computes."""


@dataclass(frozen=True)
class Rule:
    """One check: `limits` are arguments of `MetricThreshold`, either `threshold` or those about the champion."""

    metric: str
    limits: Mapping[str, float]
    greater_is_better: bool

    @property
    def name(self) -> str:
        return f"{self.metric}_improves_on_champion" if self.compares else f"{self.metric}_within_threshold"

    @property
    def compares(self) -> bool:
        return "threshold" not in self.limits

    @property
    def direction(self) -> str:
        return "at least" if self.greater_is_better else "at most"

    @property
    def sentence(self) -> str:
        """The rule, for people."""
        if not self.compares:
            return f"{self.metric} of the held-out trips is {self.direction} {self.limits['threshold']:g}."
        forms = zip(CHANGES, ("g", ".1%"), strict=True)
        changes = [f"{self.limits[name]:{form}}" for name, form in forms if name in self.limits]
        return f"{self.metric} is better than the champion's by {' and '.join(changes)} on the same trips."

    def bound(self, champion: float | None) -> float:
        """The value that the candidate must reach; of several changes the one that asks for most."""
        if champion is None:
            return self.limits["threshold"]
        relative = self.limits.get("min_relative_change", 0.0) * abs(champion)
        change = max(self.limits.get("min_absolute_change", 0.0), relative)
        return champion + change if self.greater_is_better else champion - change

    def as_threshold(self) -> MetricThreshold:
        from mlflow.models import MetricThreshold

        return MetricThreshold(**self.limits, greater_is_better=self.greater_is_better)


def rules(thresholds: Mapping[str, Mapping[str, Any]] = THRESHOLDS) -> list[Rule]:
    """The rules that `thresholds` state: what bounds a metric and what compares it are checks of their own.

    Raises:
        RuleError: an argument that MLflow 3 does not have, or none that limits anything.
    """
    return [rule for metric, stated in thresholds.items() for rule in _rules_of(metric, stated)]


def _rules_of(metric: str, stated: Mapping[str, Any]) -> list[Rule]:
    unknown = sorted(set(stated) - {*LIMITS, "greater_is_better"})
    if unknown:
        hint = "; MLflow 3 calls it greater_is_better" if "higher_is_better" in unknown else ""
        raise RuleError(f"{PLACE}: '{metric}' has {unknown}, which is no argument of MetricThreshold{hint}.")
    if not isinstance(stated.get("greater_is_better"), bool):
        raise RuleError(f"{PLACE}: '{metric}' must say greater_is_better, True or False.")
    limits = {name: stated[name] for name in LIMITS if stated.get(name) is not None}
    if not limits:
        raise RuleError(f"{PLACE}: '{metric}' limits nothing: give it one of {', '.join(LIMITS)}.")
    parts = ({name: limits[name] for name in names if name in limits} for names in (("threshold",), CHANGES))
    return [Rule(metric, part, stated["greater_is_better"]) for part in parts if part]


def judge(stated: Sequence[Rule], candidate: Metrics, champion: Metrics | None) -> list[Verdict]:
    """One verdict for each rule, by MLflow's own comparison. A value that is not a number fails.

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
        return Verdict(rule.name, not math.isnan(value), value, None, "There is no champion to improve on: it passes")
    held = _measured(rule.metric, champion) if rule.compares and champion else None
    bound = rule.bound(held)
    sentence = f"{rule.metric} of the held-out trips is {value:.4g} and must be {rule.direction} {bound:.4g}"
    if held is not None:
        sentence += f", for the champion's is {held:.4g}"
    return Verdict(rule.name, _holds(rule, value, held), value, bound, _explained(sentence, value, bound))


def _measured(metric: str, metrics: Metrics) -> float:
    if metric not in metrics:
        raise RuleError(
            f"{PLACE} has a rule about '{metric}', which is not computed: add it to custom_metrics() there, or choose "
            f"one of {', '.join(sorted(metrics))}."
        )
    return metrics[metric]


def _explained(sentence: str, value: float, bound: float) -> str:
    if math.isnan(value) or math.isnan(bound):
        return f"{sentence}: what is not a number fails; look at the rows that the model predicts nothing for"
    return sentence


def _holds(rule: Rule, value: float, champion: float | None) -> bool:
    import mlflow
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    if math.isnan(value) or (champion is not None and math.isnan(champion)):  # MLflow lets NaN pass some comparisons
        return False
    numbers = [value] if champion is None else [value, champion]
    results = [EvaluationResult({rule.metric: number}, artifacts={}) for number in numbers]
    try:
        mlflow.validate_evaluation_results({rule.metric: rule.as_threshold()}, *results)
    except ModelValidationFailedException:
        return False
    return True


def judge_against_champion(candidate: Metrics, champion: Metrics | None, compared: bool = True) -> Verdict:
    """The candidate must be at least as good as the champion on the same rows; the first model has none to beat.

    `compared` says whether the comparison is switched on: without it the champion is no reason to fail.
    """
    value = _measured(COMPARED_METRIC, candidate)
    if champion is None:
        reason = "There is no champion yet" if compared else "enable_baseline_comparison is off"
        return Verdict(
            CHAMPION_RULE, not math.isnan(value), value, None, f"{reason}: the thresholds alone decide about this model"
        )
    bound = _measured(COMPARED_METRIC, champion)
    sentence = f"{COMPARED_METRIC} is {value:.4g} for the candidate and {bound:.4g} for the champion, on the same rows"
    passed = value <= bound * (1 + ROUNDING)
    return Verdict(CHAMPION_RULE, passed, value, bound, _explained(sentence, value, bound))
