"""From a model's thresholds to rules, one check each; the code location loads them, so nothing heavy is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_core.project import MetricThreshold, Model, Project
from mlops_core.project.thresholds import CHANGES, LIMITS, refusals
from mlops_core.tasks import Metric

PLACE = "validation/validation.py"


class RuleError(ValueError):
    """A threshold is invalid, or names a metric that is not computed."""


@dataclass(frozen=True)
class Rule:
    """One check.

    Args:
        limits: Arguments of `MetricThreshold`, either `threshold` or those about the champion.
        unit: What the metric is in; empty where it has no unit.
        nouns: What people call the events.
    """

    metric: str
    limits: Mapping[str, float]
    greater_is_better: bool
    unit: str = ""
    nouns: str = "events"

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
            limit = f"{self.limits['threshold']:g} {self.unit}".rstrip()
            return f"{self.metric} of the held-out {self.nouns} is {self.direction} {limit}."
        absolute, relative = (self.limits.get(name) for name in CHANGES)
        changes = [f"{absolute:g} {self.unit}".rstrip()] if absolute else []
        changes += [f"{relative:.1%}"] if relative else []
        return f"{self.metric} is better than the champion's by {' and '.join(changes)} on the same {self.nouns}."

    def bound(self, champion: float | None) -> float:
        """The value that the candidate must reach; of several minimum changes, the strictest."""
        if champion is None:
            return self.limits["threshold"]
        relative = self.limits.get("min_relative_change", 0.0) * abs(champion)
        change = max(self.limits.get("min_absolute_change", 0.0), relative)
        return champion + change if self.greater_is_better else champion - change


def rules(project: Project) -> list[Rule]:
    """The rules that the thresholds of the project's model state.

    What bounds a metric and what compares it are checks of their own. MLflow's own `MetricThreshold` is read as well.

    Raises:
        RuleError: an argument that MLflow 3 does not have, one that limits nothing, or a value that MLflow refuses.
    """
    units = metric_units(project)
    return [
        Rule(metric, limits, bool(stated.greater_is_better), units.get(metric, ""), project.events.nouns)
        for metric, stated in _stated(project.model).items()
        for limits in _limits(metric, stated)
    ]


def metric_units(project: Project) -> dict[str, str]:
    """Metric -> its unit, for metrics that have one."""
    of_task = {metric.name: project.events.label_unit for metric in project.model.task.metrics if metric.has_unit}
    return {name: unit for name, unit in (of_task | dict(project.model.validation.units)).items() if unit}


def _stated(model: Model) -> Mapping[str, MetricThreshold]:
    try:
        return model.validation.thresholds()
    except TypeError as error:
        hint = "; MLflow 3 calls it greater_is_better" if "higher_is_better" in str(error) else ""
        raise RuleError(f"The thresholds in {PLACE}: {error}{hint}.") from error


def _limits(metric: str, stated: MetricThreshold) -> list[dict[str, float]]:
    """The arguments of `stated`, those of each rule apart."""
    place = f"The thresholds in {PLACE}: '{metric}'"
    if not all(hasattr(stated, name) for name in LIMITS):
        raise RuleError(f"{place} is {stated!r}, which is not a MetricThreshold.")
    for reason in refusals(stated):
        raise RuleError(f"{place} {reason}.")
    limits = {name: value for name in LIMITS if (value := getattr(stated, name)) is not None}
    parts = [{name: limits[name] for name in names if name in limits} for names in (("threshold",), CHANGES)]
    return [part for part in parts if part]


def compared_metric(model: Model) -> Metric:
    """The metric in which candidate and champion are compared.

    Raises:
        RuleError: it is none of the task's; only those have intervals.
    """
    wanted = model.validation.compared_metric or model.task.compared
    known = {metric.name: metric for metric in model.task.metrics if metric.greater_is_better is not None}
    if wanted not in known:
        raise RuleError(f"compared_metric in {PLACE} is '{wanted}': choose one of {', '.join(known)}.")
    return known[wanted]
