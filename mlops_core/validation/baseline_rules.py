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
SAMPLE = "rows_of_features_comparison"
"""Metrics of the training run: those of the baselines, the change that the features make, and the sample it is of."""


@dataclass(frozen=True)
class Baselines:
    """What simpler predictors reach on the held-out events, in the metric in which models are compared.

    Args:
        constant: Of the best constant.
        without_features: Of a model of the same kind that looks nothing up; NaN when this one does neither.
        change: The model's less that, and the ends of its interval; NaN for those when the hours are too few.
        rows: Training rows that the two were fitted to, where these are a sample; else NaN.
        is_of_copy: Whether the model was trained elsewhere, where it was measured what its features are worth.
    """

    constant: float
    without_features: float = math.nan
    change: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    rows: float = math.nan
    is_of_copy: bool = False

    def metrics(self, metric: str) -> dict[str, float]:
        """As a run has them."""
        named = {CONSTANT: self.constant, WITHOUT_FEATURES: self.without_features}
        named |= dict(zip(CHANGE, self.change, strict=True)) | {SAMPLE: self.rows}
        return {name.format(metric): float(value) for name, value in named.items() if math.isfinite(value)}

    @classmethod
    def of(cls, metric: str, measured: Mapping[str, float]) -> Baselines:
        """Those that the metrics of a run tell; NaN for what they don't."""
        constant, without, *change = (
            measured.get(name.format(metric), math.nan) for name in (CONSTANT, WITHOUT_FEATURES, *CHANGE)
        )
        return cls(constant, without, (change[0], change[1], change[2]), measured.get(SAMPLE, math.nan))

    @property
    def change_is_known(self) -> bool:
        """Whether it can be told from chance."""
        return math.isfinite(self.change[1]) and math.isfinite(self.change[2])

    def is_worse(self, metric: Metric) -> bool:
        """Whether the features make the model worse beyond chance: the whole interval is on the side that is worse."""
        _, low, high = self.change
        return high < 0 if metric.greater_is_better else low > 0

    def conclusion(self, metric: Metric, unit: str = "") -> str:
        """What the features do, in words: the difference that they make to the metric, and its interval."""
        of_sample = f", of models of a sample of {self.rows:,.0f} rows" if math.isfinite(self.rows) else ""
        return self._difference(metric, unit) + of_sample

    def _difference(self, metric: Metric, unit: str) -> str:
        from mlops_core.validation.bootstrap import CONFIDENCE

        change, low, high = self.change
        told = f"{metric.title} {f'{change:+.2g} {unit}'.rstrip()}"
        if not self.change_is_known:
            return f"make a difference ({told}) that so few hours can't tell from chance"
        if low <= 0 <= high:
            return (
                f"make no difference that this hold-out could show ({told}, {CONFIDENCE:.0%}: {low:+.2g} to "
                f"{high:+.2g}): look at how many events their windows hold"
            )
        least, most = sorted((abs(low), abs(high)))
        verb, by = "harm" if self.is_worse(metric) else "help", in_unit(abs(float(f"{change:.2g}")), unit)
        return f"{verb} by {by} in {metric.title} ({CONFIDENCE:.0%}: {least:.2g} to {most:.2g})"


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
    if baselines.is_of_copy:
        told = "is of a copy: what its features are worth was measured where it was trained"
        return Verdict(FEATURES_RULE, True, value, None, f"{WITHOUT_FEATURES.format(metric.name)} {told}", unit)
    if math.isnan(less):
        return Verdict(FEATURES_RULE, False, value, None, f"{WITHOUT_FEATURES.format(metric.name)} {missing}", unit)
    told, limit = in_unit(less + baselines.change[0], unit), in_unit(less, unit)
    sentence = f"{metric.name} is {told} with and {limit} without looked-up features"
    passed = math.isfinite(value) and not baselines.is_worse(metric)
    fix = "" if passed else "; look at what they are made of, or leave them out of the model's lookups"
    return Verdict(
        FEATURES_RULE, passed, value, less, f"{sentence}: they {baselines.conclusion(metric, unit)}{fix}", unit
    )
