"""Why a model predicts what it predicts: what each input adds to a base value or takes from it.

The numbers are the library's own, such as TreeSHAP (Lundberg et al. 2020) of LightGBM and XGBoost: of a number in the
label's unit, of a probability in log-odds, where they add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlops_core.project import Model
from mlops_core.project.contributions import BASE_VALUE
from mlops_core.tasks import BinaryClassification
from mlops_core.training.model_answers import UnusableAnswerError, explained, parts_of

ROWS = 500
"""Held-out rows of which the mean contributions are."""
TOLERANCE = 1e-4
"""Of a sum beside what the model says, absolute or relative: libraries may add 32-bit floats."""


def contributions_of(declared: Model, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """The contribution of each input to each row's prediction, and the base value; a row's sum is the prediction.

    Of a model in which several are wrapped it is that of the one which predicts the row. What corrects the odds of a
    probability is the same for every row, so it is part of the base value.

    Raises:
        UnusableAnswerError: the project's function gives something else.
    """
    explain = declared.training.contributions
    if explain is None:
        raise UnusableAnswerError(f"Training of model '{declared.name}' declares no contributions.")
    made = []
    for places, inner, given in parts_of(model, rows):
        with explained("contributions", given):
            told = explain(inner, given.copy())
        _require_frame(told, len(given))
        _require_sums(declared, told, np.asarray(declared.training.predict(inner, given), float))
        made.append(told.set_axis(places, axis=0))
    together = pd.concat(made).sort_index().fillna(0.0)
    together[BASE_VALUE] += _correction(model)
    return together.set_axis(rows.index, axis=0)


def mean_contributions(declared: Model, model: Any, rows: pd.DataFrame) -> pd.Series:
    """The mean size of each input's contribution to the predictions of at most `ROWS` rows, spread over all of them."""
    some = rows.iloc[np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).astype(int)]
    return contributions_of(declared, model, some).drop(columns=BASE_VALUE).abs().mean()


def of_sum(declared: Model, total: float) -> str:
    """The prediction that a sum of contributions is, for people."""
    if isinstance(declared.task, BinaryClassification):
        return f"a probability of {1 / (1 + np.exp(-total)):.4g}, {total:.4g}"
    return f"{total:.4g}"


def unit_of(declared: Model, label_unit: str | None) -> str:
    """What contributions are in."""
    return "log-odds" if isinstance(declared.task, BinaryClassification) else label_unit or ""


def _correction(model: Any) -> float:
    """What weights and sampling make of log-odds; that of a model as `fit` gives it is 0."""
    factors = model.factors if hasattr(model, "segment_column") else ()
    return float(np.log(factors[0] / factors[1])) if factors else 0.0


def _require_frame(told: object, rows: int) -> None:
    place = "contributions of training gives"
    if not isinstance(told, pd.DataFrame):
        raise UnusableAnswerError(f"{place} a {type(told).__name__}: return a DataFrame.")
    if len(told) != rows:
        raise UnusableAnswerError(f"{place} {len(told):,} rows for {rows:,}: return one for each, in their order.")
    if BASE_VALUE not in told:
        raise UnusableAnswerError(f"{place} no column '{BASE_VALUE}', to which contributions are added: name it so.")
    if not np.isfinite(told.to_numpy(float)).all():
        raise UnusableAnswerError(f"{place} some that are no finite numbers.")


def _require_sums(declared: Model, told: pd.DataFrame, predicted: np.ndarray) -> None:
    total = told.sum(axis=1).to_numpy(float)
    answered = 1 / (1 + np.exp(-total)) if isinstance(declared.task, BinaryClassification) else total
    off = ~np.isclose(answered, predicted, rtol=TOLERANCE, atol=TOLERANCE)
    if off.any():
        at = int(np.argmax(off))
        raise UnusableAnswerError(
            f"contributions of training adds up to {answered[at]:.6g} where predict says {predicted[at]:.6g}: return "
            f"them with '{BASE_VALUE}', of a number in its unit, of a probability as log-odds."
        )
