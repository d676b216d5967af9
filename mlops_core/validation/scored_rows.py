"""Held-out trips with what the models predicted for them: whether they can tell how good a model is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlops_core.project import Slice
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.validation.comparison import CANDIDATE, CHAMPION
from my_mlops_stacks.events import TRIPS
from my_mlops_stacks.validation.validation import MIN_HELD_OUT_TRIPS

ACTUAL = TRIPS.label_column


REJECT = "add a rule to ingestion/rules.py that rejects such trips, then materialize 'trips' and 'fare_model' again"
FIXES = {
    ACTUAL: REJECT,
    CANDIDATE: "look at these trips' features and at the training's parameters, then materialize 'fare_model' again",
    CHAMPION: "roll back to a version that predicts, or run the checks with enable_baseline_comparison: false",
}
"""Column -> what to do about values that are no numbers."""


def row_columns(slices: Sequence[Slice]) -> list[str]:
    """What a validation reads of a trip besides the predictions."""
    return list(dict.fromkeys((TRIPS.event_time, *(each.column for each in slices), TRIPS.label_column)))


def check_rows(scored: pd.DataFrame, slices: Sequence[Slice], days: str) -> None:
    """Refuse rows that measure nothing; `days` says for people which they are.

    Raises:
        UnusableRowsError: there are too few, one lacks what its segment is named after, or a fare or a prediction is
            not a finite number.
    """
    for column in row_columns(slices)[:-1]:
        if bad := int(scored[column].isna().sum()):
            raise UnusableRowsError(f"{column} is missing for {bad} of {len(scored)} trips ({days}): {REJECT}.")
    for column, fix in FIXES.items():
        bad = int((~np.isfinite(scored[column])).sum()) if column in scored else 0
        if bad:
            raise UnusableRowsError(f"{column} is no finite number for {bad} of {len(scored)} trips ({days}): {fix}.")
    if len(scored) < MIN_HELD_OUT_TRIPS:
        count = f"Only {len(scored)}" if len(scored) else "No"
        raise UnusableRowsError(
            f"{count} trips are held out ({days}) whose fare is known, and fewer than {MIN_HELD_OUT_TRIPS} judge no "
            "model (MIN_HELD_OUT_TRIPS in validation/validation.py): ingest days that have trips, or raise "
            "holdout_days in resources/model-workflow-resource.yml, and materialize 'fare_model' again."
        )
