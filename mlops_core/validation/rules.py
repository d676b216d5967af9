"""From `validation_thresholds()` to rules, one check each; the code location loads them, so nothing heavy is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_core.project.thresholds import CHANGES, LIMITS, MetricThreshold, refusals
from mlops_core.tasks import Metric, Task
from my_mlops_stacks.validation.validation import COMPARED_METRIC, METRIC_UNITS, validation_thresholds

PLACE = "validation/validation.py"


class RuleError(ValueError):
    """`validation_thresholds()` says something that is no rule, or a metric is asked for that nothing computes."""


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
            limit = with_unit(self.metric, f"{self.limits['threshold']:g}")
            return f"{self.metric} of the held-out trips is {self.direction} {limit}."
        absolute, relative = (self.limits.get(name) for name in CHANGES)
        changes = [with_unit(self.metric, f"{absolute:g}")] if absolute else []
        changes += [f"{relative:.1%}"] if relative else []
        return f"{self.metric} is better than the champion's by {' and '.join(changes)} on the same trips."

    def bound(self, champion: float | None) -> float:
        """The value that the candidate must reach; of several changes the one that asks for most."""
        if champion is None:
            return self.limits["threshold"]
        relative = self.limits.get("min_relative_change", 0.0) * abs(champion)
        change = max(self.limits.get("min_absolute_change", 0.0), relative)
        return champion + change if self.greater_is_better else champion - change


def rules(thresholds: Mapping[str, MetricThreshold] | None = None) -> list[Rule]:
    """The rules that `thresholds`, else `validation_thresholds()`, state.

    What bounds a metric and what compares it are checks of their own. MLflow's own `MetricThreshold` is read as well.

    Raises:
        RuleError: an argument that MLflow 3 does not have, one that limits nothing, or a value that MLflow refuses.
    """
    stated = _stated() if thresholds is None else thresholds
    return [rule for metric, threshold in stated.items() for rule in _rules_of(metric, threshold)]


def _stated() -> Mapping[str, MetricThreshold]:
    try:
        return validation_thresholds()
    except TypeError as error:
        hint = "; MLflow 3 calls it greater_is_better" if "higher_is_better" in str(error) else ""
        raise RuleError(f"validation_thresholds() in {PLACE}: {error}{hint}.") from error


def _rules_of(metric: str, stated: MetricThreshold) -> list[Rule]:
    place = f"validation_thresholds() in {PLACE}: '{metric}'"
    if not all(hasattr(stated, name) for name in LIMITS):
        raise RuleError(f"{place} is {stated!r}, which is no MetricThreshold.")
    for reason in refusals(stated):
        raise RuleError(f"{place} {reason}.")
    limits = {name: value for name in LIMITS if (value := getattr(stated, name)) is not None}
    parts = ({name: limits[name] for name in names if name in limits} for names in (("threshold",), CHANGES))
    return [Rule(metric, part, bool(stated.greater_is_better)) for part in parts if part]


def with_unit(metric: str, number: str) -> str:
    """The number of a metric for people, such as '3.46 USD'."""
    return f"{number} {METRIC_UNITS.get(metric, '')}".rstrip()


def compared_metric(task: Task) -> Metric:
    """The metric in which candidate and champion are compared.

    Raises:
        RuleError: it is none of the task's, which have intervals: nobody could tell a difference from chance.
    """
    known = [metric for metric in task.metrics if metric.greater_is_better is not None]
    for metric in known:
        if metric.name == COMPARED_METRIC:
            return metric
    names = ", ".join(metric.name for metric in known)
    raise RuleError(f"COMPARED_METRIC in {PLACE} is '{COMPARED_METRIC}': choose one of {names}.")
