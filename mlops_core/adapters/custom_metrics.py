"""Attributing a failed evaluation: MLflow reports an error in a custom metric like one of a broken server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import wraps
from typing import Any


class CustomMetricError(ValueError):
    """A project's custom metric raises, or returns nothing."""


@contextmanager
def explained_metrics(metrics: Sequence[Any]) -> Iterator[list[Any]]:
    """`metrics` (MLflow's `EvaluationMetric`), wrapped so that an evaluation that fails because of one of them says so.

    Raises:
        CustomMetricError: in place of MLflow's error; also for a metric that returns None, for which MLflow would
            keep the value of the first row only.
    """
    failures: list[str] = []
    try:
        yield [_watched(metric, failures) for metric in metrics]
    finally:
        if failures:
            raise CustomMetricError(
                f"The custom metrics of validation/validation.py failed: {'; '.join(failures)}: fix it, and "
                "re-execute the run from the failed step; no alias was moved."
            )


def _watched(metric: Any, failures: list[str]) -> Any:
    def noted(sentence: str) -> None:
        failures.append(f"'{metric.name}' {sentence}")

    watched = copy(metric)
    watched.eval_fn = _noting(metric.eval_fn, noted)
    return watched


def _noting(function: Callable[..., Any], noted: Callable[[str], None]) -> Callable[..., Any]:
    @wraps(function)  # MLflow passes what the signature asks for
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            value = function(*args, **kwargs)
        except Exception as error:  # a user's function may raise anything; it goes on its way
            noted(f"raised {error!r}")
            raise
        if value is None:
            noted("returned None")
        return value

    return call
