"""Each rule fails and passes, and only a passed version may be promoted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from my_mlops_stacks.validation.metrics import regression_metrics
from my_mlops_stacks.validation.validation import THRESHOLDS
from my_mlops_stacks.validation.verdict import (
    NotValidatedError,
    judge_against_champion,
    judge_thresholds,
    require_promotable,
    status,
)

GOOD = {"root_mean_squared_error": 2.5, "mean_absolute_error": 1.3, "r2_score": 0.94}


def failed(measured: dict[str, float]) -> list[str]:
    return [verdict.rule for verdict in judge_thresholds(measured) if not verdict.passed]


def test_good_metrics_keep_every_threshold():
    assert failed(GOOD) == []


@pytest.mark.parametrize("metric", THRESHOLDS)
def test_each_threshold_can_fail(metric):
    worse = -1.0 if THRESHOLDS[metric]["greater_is_better"] else 1_000.0
    assert failed(GOOD | {metric: worse}) == [f"{metric}_within_threshold"]


@pytest.mark.parametrize("metric", THRESHOLDS)
def test_a_metric_that_is_nan_or_missing_fails(metric):
    assert failed(GOOD | {metric: math.nan}) == [f"{metric}_within_threshold"]
    assert failed({name: value for name, value in GOOD.items() if name != metric}) == [f"{metric}_within_threshold"]


@pytest.mark.parametrize(("champion", "passes"), [(2.6, True), (2.5, True), (2.4, False)])
def test_the_candidate_must_be_as_good_as_the_champion(champion, passes):
    assert judge_against_champion(GOOD, GOOD | {"root_mean_squared_error": champion}).passed is passes


def test_the_first_model_has_no_champion_to_beat():
    verdict = judge_against_champion(GOOD, None)
    assert verdict.passed
    assert "No champion" in verdict.sentence


def test_a_dry_run_never_says_passed():
    verdicts = judge_thresholds(GOOD)
    assert status(verdicts, "enabled") == "passed"
    assert status(verdicts, "dry_run") == "dry_run"
    assert status(judge_thresholds({}), "enabled") == "failed"


@pytest.mark.parametrize("tags", [{}, {"validation_status": "failed"}, {"validation_status": "dry_run"}])
def test_a_version_without_a_passing_verdict_is_refused(tags):
    with pytest.raises(NotValidatedError, match="Version 7 may not be promoted"):
        require_promotable(tags, 7)


def test_metrics_by_hand():
    measured = regression_metrics(np.array([10.0, 20.0]), np.array([13.0, 16.0]))
    assert measured == pytest.approx(
        {
            "root_mean_squared_error": math.sqrt(12.5),
            "mean_absolute_error": 3.5,
            "r2_score": 1 - 25 / 50,
            "max_error": 4.0,
            "bias": -0.5,
            "example_count": 2.0,
        }
    )


def test_an_empty_hold_out_is_refused():
    with pytest.raises(ValueError, match="no held-out rows"):
        regression_metrics(np.array([]), np.array([]))
