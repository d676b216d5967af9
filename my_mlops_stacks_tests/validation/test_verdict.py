"""Only a version that passed may be promoted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from my_mlops_stacks.validation.metrics import regression_metrics
from my_mlops_stacks.validation.verdict import NotValidatedError, Verdict, require_promotable, status


def verdict(passed: bool) -> Verdict:
    return Verdict("a_rule", passed, 1.0, 2.0, "1 of 2")


def test_a_dry_run_never_says_passed():
    assert status([verdict(True)], "enabled") == "passed"
    assert status([verdict(True), verdict(False)], "enabled") == "failed"
    assert status([verdict(True)], "dry_run") == status([verdict(False)], "dry_run") == "dry_run"


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
