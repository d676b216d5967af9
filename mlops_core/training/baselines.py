"""What a model is compared with: simpler predictors, and the rows that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlops_core.project import Training
from mlops_core.tasks import Task
from mlops_core.training.model_answers import fitted, predictions

BASELINE_ROWS = 10_000
COMPARISON_ROWS = 100_000
SAMPLE_SEED = 0


def training_baseline(training: Training, training_rows: pd.DataFrame, model: Any) -> pd.DataFrame:
    """A sample of at most `BASELINE_ROWS` training rows with the model's `prediction`."""
    sample = training_rows.sample(min(BASELINE_ROWS, len(training_rows)), random_state=SAMPLE_SEED)
    return sample.assign(prediction=predictions(training, model, sample)).reset_index(drop=True)


def constant_prediction(task: Task, labels: pd.Series, held_out: pd.DataFrame) -> np.ndarray:
    """The best constant by the labels of the training rows, for each held-out row: the least that a model must beat."""
    return np.full(len(held_out), task.constant(labels.to_numpy(float)))


def prediction_without_features(
    training: Training, training_rows: pd.DataFrame, held_out: pd.DataFrame, features: Sequence[str], parameters: Any
) -> np.ndarray:
    """Predictions of a model of the same kind that was fitted without the looked-up `features`.

    It sees at most `COMPARISON_ROWS` of the training rows, in their order: enough for a number to compare with.
    """
    rows = training_rows.sample(min(COMPARISON_ROWS, len(training_rows)), random_state=SAMPLE_SEED).sort_index()
    without = fitted(training, rows.drop(columns=list(features)), parameters)
    return predictions(training, without, held_out.drop(columns=list(features)))
