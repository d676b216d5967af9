"""Baselines of a candidate: it must beat a constant, and not be worse with looked-up features than without."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops_core.project import Project
from mlops_core.tasks import Metric
from mlops_core.validation.rules import compared_metric, metric_units
from mlops_core.validation.verdict import Verdict, in_unit

CONSTANT_RULE, FEATURES_RULE = "candidate_beats_constant", "features_do_no_harm"

CONSTANT, WITHOUT_FEATURES = "{}_of_constant", "{}_without_features"
CHANGE = ("{}_change_by_features", "{}_change_by_features_low", "{}_change_by_features_high")
"""Metrics of the training run: those of the baselines, and the change that the features make."""


@dataclass(frozen=True)
class Baselines:
    """What simpler predictors reach on the held-out events, in the metric in which models are compared.

    Args:
        constant: Of the best constant.
        without_features: Of a model of the same kind that looks nothing up; NaN when this one does neither.
        change: The model's less that, and the ends of its interval; NaN for those when the hours are too few.
    """

    constant: float
    without_features: float = math.nan
    change: tuple[float, float, float] = (math.nan, math.nan, math.nan)

    def metrics(self, metric: str) -> dict[str, float]:
        """As a run has them."""
        named = {CONSTANT: self.constant, WITHOUT_FEATURES: self.without_features}
        named |= dict(zip(CHANGE, self.change, strict=True))
        return {name.format(metric): value for name, value in named.items() if math.isfinite(value)}

    @classmethod
    def of(cls, metric: str, measured: Mapping[str, float]) -> Baselines:
        """Those that the metrics of a run tell; NaN for what they don't."""
        constant, without, *change = (
            measured.get(name.format(metric), math.nan) for name in (CONSTANT, WITHOUT_FEATURES, *CHANGE)
        )
        return cls(constant, without, (change[0], change[1], change[2]))

    @property
    def change_is_known(self) -> bool:
        """Whether it can be told from chance."""
        return math.isfinite(self.change[1]) and math.isfinite(self.change[2])

    def is_worse(self, metric: Metric) -> bool:
        """Whether the features make the model worse beyond chance: the whole interval is on the side that is worse."""
        _, low, high = self.change
        return high < 0 if metric.greater_is_better else low > 0

    def conclusion(self, metric: Metric) -> str:
        """What the features are worth, in words."""
        _, low, high = self.change
        if not self.change_is_known:
            return "these are too few hours to tell the difference from chance"
        if low <= 0 <= high:
            return "the difference is within what chance gives, so the features earn nothing here"
        how = "worse" if self.is_worse(metric) else "better"
        return f"the features make it {how} beyond what chance gives"


def baseline_rules(project: Project) -> dict[str, str]:
    """Rule -> what it says, for people: those that the project has not switched off."""
    validation, metric, nouns = project.model.validation, compared_metric(project.model).name, project.events.nouns
    stated = {}
    if validation.beats_constant:
        stated[CONSTANT_RULE] = f"{metric} of the held-out {nouns} is better than that of the best constant."
    if validation.features_do_no_harm and project.looked_up:
        stated[FEATURES_RULE] = (
            f"{metric} of the held-out {nouns} is not worse, beyond what chance gives, than that of a model of the "
            "same kind without looked-up features."
        )
    return stated


def judge_baselines(project: Project, candidate: float, baselines: Baselines) -> Iterator[Verdict]:
    """The verdicts of `baseline_rules`, in their order.

    Args:
        candidate: the compared metric of the candidate on its held-out rows.
        baselines: what its training measured on the same rows.
    """
    metric = compared_metric(project.model)
    unit = metric_units(project).get(metric.name, "")
    again = project.named("model_training_job")
    missing = f"was not measured by the training of this version: launch {again} again"
    for rule in baseline_rules(project):
        if rule == CONSTANT_RULE:
            yield _against_constant(metric, unit, candidate, baselines.constant, missing)
        else:
            yield _against_less(metric, unit, candidate, baselines, missing)


def _against_constant(metric: Metric, unit: str, value: float, constant: float, missing: str) -> Verdict:
    if math.isnan(constant):
        return Verdict(CONSTANT_RULE, False, value, None, f"{CONSTANT.format(metric.name)} {missing}", unit)
    told, limit = in_unit(value, unit), in_unit(constant, unit)
    sentence = f"{metric.name} is {told} for the candidate and {limit} for the best constant, on the same rows"
    return Verdict(CONSTANT_RULE, metric.improvement(value, constant) > 0, value, constant, sentence, unit)


def _against_less(metric: Metric, unit: str, value: float, baselines: Baselines, missing: str) -> Verdict:
    less = baselines.without_features
    if math.isnan(less):
        return Verdict(FEATURES_RULE, False, value, None, f"{WITHOUT_FEATURES.format(metric.name)} {missing}", unit)
    change, low, high = baselines.change
    told, limit = in_unit(less + change, unit), in_unit(less, unit)
    sentence = f"{metric.name} is {told} with and {limit} without looked-up features"
    if baselines.change_is_known:
        sentence += f", a difference of {change:+.3g} ({low:+.3g} to {high:+.3g})"
    passed = math.isfinite(value) and not baselines.is_worse(metric)
    fix = "" if passed else "; look at what they are made of, or leave them out of the model's lookups"
    return Verdict(FEATURES_RULE, passed, value, less, f"{sentence}: {baselines.conclusion(metric)}{fix}", unit)
