"""Comparing two samples of a column, by their counts in the same bins."""

from __future__ import annotations

from typing import Any

from mlops_core.monitoring.bins import Bins, Counts
from mlops_core.monitoring.statistics import (
    Test,
    chi_squared_test,
    js_distance,
    ks_test,
    l_infinity_distance,
    population_stability_index,
    tv_distance,
)

COMPARED = (
    "count",
    "count_delta",
    "avg_delta",
    "percent_null_delta",
    "percent_zeros_delta",
    "population_stability_index",
    "js_distance",
    "tv_distance",
    "l_infinity_distance",
    "ks_test",
    "chi_squared_test",
)
"""Columns of the drift metrics table, in the order of `compared`."""


def compared(bins: Bins, sample: Counts, reference: Counts) -> tuple[Any, ...]:
    """Values of `COMPARED`; nulls when a sample has no rows, such as labels that have not arrived."""
    n, m = int(sample.by_bin.sum()), int(reference.by_bin.sum())
    if not n or not m:
        return (n, *([None] * (len(COMPARED) - 1)))
    counts, numbers = (sample.by_bin, reference.by_bin), (sample.by_bin[:-1], reference.by_bin[:-1])
    is_categorical = bins.is_categorical
    return (
        n,
        float(n - m),
        None if is_categorical else _difference(sample.average, reference.average),
        float(100 * (sample.by_bin[-1] / n - reference.by_bin[-1] / m)),
        None if is_categorical else 100 * (sample.zeros / n - reference.zeros / m),
        population_stability_index(*counts),
        js_distance(*counts),
        tv_distance(*counts) if is_categorical else None,
        l_infinity_distance(*counts) if is_categorical else None,
        None if is_categorical else _struct(ks_test(*numbers)),
        _struct(chi_squared_test(*counts)) if is_categorical else None,
    )


def _difference(value: float | None, reference: float | None) -> float | None:
    return None if value is None or reference is None else value - reference


def _struct(test: Test | None) -> tuple[float, float] | None:
    return None if test is None else (test.statistic, test.pvalue)
