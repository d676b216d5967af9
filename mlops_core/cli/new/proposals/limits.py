"""Thresholds between what knowing nothing and what a quick model reaches on the newest rows."""

from __future__ import annotations

import math

from mlops_core.cli.new.answers import Kind, ThresholdAnswer
from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.proposals.quick_model import Measured

JUDGED: dict[Kind, tuple[tuple[str, bool], ...]] = {
    "regression": (("root_mean_squared_error", False), ("mean_absolute_error", False)),
    "binary": (("roc_auc", True), ("log_loss", False)),
    "multiclass": (("log_loss", False), ("accuracy_score", True)),
}
"""Metric, and whether more is better; the monitored one is the first that less is better of."""
UNMEASURED = {"roc_auc": 0.5}


def thresholds_of(kind: Kind, found: Measured, decide: Decisions) -> tuple[ThresholdAnswer, ...]:
    """For each metric half of the way from the best constant to the quick model."""
    made = []
    for metric, greater in JUDGED[kind]:
        constant, model = found.constant[metric], found.model[metric]
        constant = UNMEASURED.get(metric, constant) if math.isnan(constant) else constant
        better = model > constant if greater else model < constant
        value = lenient((constant + model) / 2 if better else constant, greater)
        reason = f"the best constant reaches {constant:.3g}, a quick model of the columns alone {model:.3g}"
        if not better:
            reason += ", which is no better: look at label and inputs"
        decide.tell(metric, f"{'at least' if greater else 'at most'} {value:g}", reason)
        made.append(ThresholdAnswer(metric=metric, threshold=value, greater_is_better=greater, reason=reason))
    return tuple(made)


def monitored(kind: Kind, found: Measured, decide: Decisions) -> tuple[str, float]:
    """The metric by which days are judged, and its threshold: three quarters of the way to knowing nothing."""
    metric = next(name for name, greater in JUDGED[kind] if not greater)
    constant, model = found.constant[metric], found.model[metric]
    value = lenient(model + 0.75 * (constant - model) if model < constant else constant, False)
    decide.tell("monitored", f"{metric} above {value:g}", "three quarters of the way from the model to the constant")
    return metric, value


def lenient(value: float, greater_is_better: bool) -> float:
    """Two significant digits, rounded to the side that is easier to reach."""
    if not value:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.floor(value / step) if greater_is_better else math.ceil(value / step)
    return float(f"{steps * step:.2g}")
