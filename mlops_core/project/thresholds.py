"""MLflow's `MetricThreshold` without MLflow, whose import takes longer than all the rest of the code location."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

CHANGES = ("min_absolute_change", "min_relative_change")
LIMITS = ("threshold", *CHANGES)


@dataclass(frozen=True)
class MetricThreshold:
    """What a metric must reach: the arguments of `mlflow.models.MetricThreshold`, in its order and with its meaning.

    `threshold` bounds the value itself; the changes are by how much it must be better than the champion's, in the
    metric's unit and as a share of the champion's value.
    """

    threshold: float | None = None
    min_absolute_change: float | None = None
    min_relative_change: float | None = None
    greater_is_better: bool | None = None


def refusals(stated: MetricThreshold) -> Iterator[str]:
    """Why `stated` is no threshold: what MLflow refuses, and numbers that aren't finite; nothing when it is one."""
    limits = {name: value for name in LIMITS if (value := getattr(stated, name)) is not None}
    if not isinstance(stated.greater_is_better, bool):
        yield "must say greater_is_better, True or False"
    if not limits:
        yield f"limits nothing: give it one of {', '.join(LIMITS)}"
    for name, value in limits.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            yield f"has {name}={value!r}, which is no finite number"
        elif name == "min_absolute_change" and value <= 0:
            yield f"has {name}={value!r}, which must be above 0"
        elif name == "min_relative_change" and not (isinstance(value, float) and 0 <= value <= 1):
            yield f"has {name}={value!r}, which must be a share from 0.0 to 1.0"
