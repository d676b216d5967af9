"""From measured metrics to verdicts, and from verdicts to whether a version may hold an alias."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from my_mlops_stacks.validation.validation import COMPARED_METRIC, THRESHOLDS, validation_thresholds

STATUS_TAG = "validation_status"
PASSED, FAILED, DRY_RUN, SKIPPED = "passed", "failed", "dry_run", "skipped"
CHAMPION_RULE = "candidate_beats_champion"

ROUNDING = 1e-6
"""Relative: how much the same model's metric may differ by the order in which its rows were summed."""


class NotValidatedError(ValueError):
    """A version without a verdict that lets it hold an alias."""


@dataclass(frozen=True)
class Verdict:
    """One rule's outcome: `value` against `bound`, both in the metric's unit."""

    rule: str
    passed: bool
    value: float
    bound: float | None
    sentence: str


def rule_name(metric: str) -> str:
    """Name of the check that holds a metric against its threshold."""
    return f"{metric}_within_threshold"


def judge_thresholds(measured: Mapping[str, float]) -> list[Verdict]:
    """One verdict for each of `THRESHOLDS`, by MLflow's own comparison; a metric that is missing or NaN fails."""
    return [_judge(metric, measured.get(metric, math.nan)) for metric in THRESHOLDS]


def _judge(metric: str, value: float) -> Verdict:
    bound = THRESHOLDS[metric]["threshold"]
    limit = "at least" if THRESHOLDS[metric]["greater_is_better"] else "at most"
    sentence = f"{metric} of the held-out trips is {value:.4g} and must be {limit} {bound:g}"
    return Verdict(rule_name(metric), _threshold_holds(metric, value), value, bound, sentence)


def _threshold_holds(metric: str, value: float) -> bool:
    import mlflow
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    if math.isnan(value):  # MLflow compares, and every comparison with NaN is false: it would pass
        return False
    try:
        measured = EvaluationResult(metrics={metric: value}, artifacts={})
        mlflow.validate_evaluation_results({metric: validation_thresholds()[metric]}, measured)
    except ModelValidationFailedException:
        return False
    return True


def judge_against_champion(candidate: Mapping[str, float], champion: Mapping[str, float] | None) -> Verdict:
    """The candidate must be at least as good as the champion on the same rows; the first model has none to beat."""
    value = candidate.get(COMPARED_METRIC, math.nan)
    if champion is None:
        sentence = "No champion to compare with: the thresholds alone decide"
        return Verdict(CHAMPION_RULE, not math.isnan(value), value, None, sentence)
    bound = champion[COMPARED_METRIC] * (1 + ROUNDING)
    sentence = f"{COMPARED_METRIC} is {value:.4g} for the candidate and {bound:.4g} for the champion, on the same rows"
    return Verdict(CHAMPION_RULE, value <= bound, value, bound, sentence)


def status(verdicts: Sequence[Verdict], run_mode: str) -> str:
    """What is written on the version: `passed` alone lets it be promoted, and a dry run never says that."""
    if run_mode == "dry_run":
        return DRY_RUN
    return PASSED if all(verdict.passed for verdict in verdicts) else FAILED


def require_promotable(tags: Mapping[str, str], version: int) -> None:
    """Refuse a version whose recorded verdict does not let it hold an alias; `skipped` (validation off) does.

    Raises:
        NotValidatedError: the version failed, was only tried in a dry run, or was never validated.
    """
    found = tags.get(STATUS_TAG)
    if found in (PASSED, SKIPPED):
        return
    reason = f"its {STATUS_TAG} is '{found}'" if found else "it was never validated"
    raise NotValidatedError(
        f"Version {version} may not be promoted: {reason}; run the checks of 'fare_model' with run_mode 'enabled'."
    )
