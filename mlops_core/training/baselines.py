"""What a model is compared with: simpler predictors, and the rows that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlops_core.project import Model
from mlops_core.tasks import Task
from mlops_core.training.model_answers import fitted, predictions

BASELINE_ROWS = 10_000
COMPARISON_ROWS = 100_000
SAMPLE_SEED = 0


def training_baseline(declared: Model, training_rows: pd.DataFrame, model: Any) -> pd.DataFrame:
    """A sample of at most `BASELINE_ROWS` training rows with the model's `prediction`, as the table has it."""
    sample = training_rows.sample(min(BASELINE_ROWS, len(training_rows)), random_state=SAMPLE_SEED)
    answers = predictions(declared, model, sample)
    return sample.assign(prediction=declared.task.shape.predictions(answers)).reset_index(drop=True)


def constant_prediction(task: Task, labels: pd.Series, held_out: pd.DataFrame) -> np.ndarray:
    """The best constant by the labels of the training rows, for each held-out row: the least that a model must beat."""
    constant = np.asarray(task.constant(task.shape.labels(labels)))
    return np.repeat(constant[None], len(held_out), axis=0)


def prediction_without_features(
    declared: Model, training_rows: pd.DataFrame, held_out: pd.DataFrame, features: Sequence[str], parameters: Any
) -> np.ndarray:
    """Predictions of a model of the same kind that was fitted without the looked-up `features`."""
    without = fitted(declared, training_rows.drop(columns=list(features)), parameters)
    return predictions(declared, without, held_out.drop(columns=list(features)))


def comparison_sample(training_rows: pd.DataFrame) -> pd.DataFrame:
    """At most `COMPARISON_ROWS` of the training rows, in their order: enough to tell what features are worth."""
    if len(training_rows) <= COMPARISON_ROWS:
        return training_rows
    return training_rows.sample(COMPARISON_ROWS, random_state=SAMPLE_SEED).sort_index()
