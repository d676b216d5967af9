"""What a model is compared with: simpler predictors, and the rows that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm
import numpy as np
import pandas as pd
from my_mlops_stacks.training.columns import LABEL

from mlops_core.tasks import Task
from my_mlops_stacks.training.train import Hyperparameters, fit, predict

BASELINE_ROWS = 10_000
COMPARISON_ROWS = 100_000
SAMPLE_SEED = 0


def training_baseline(training_rows: pd.DataFrame, model: lightgbm.Booster) -> pd.DataFrame:
    """A sample of at most `BASELINE_ROWS` training rows with the model's `prediction`."""
    sample = training_rows.sample(min(BASELINE_ROWS, len(training_rows)), random_state=SAMPLE_SEED)
    return sample.assign(prediction=predict(model, sample)).reset_index(drop=True)


def constant_prediction(training_rows: pd.DataFrame, held_out: pd.DataFrame, task: Task) -> np.ndarray:
    """The best constant of the training rows, for every held-out row: the least that a model must beat."""
    return np.full(len(held_out), task.constant(training_rows[LABEL].to_numpy(float)))


def model_without_features(
    training_rows: pd.DataFrame, held_out: pd.DataFrame, features: Sequence[str], parameters: Hyperparameters
) -> np.ndarray:
    """Predictions of a model of the same kind that was fitted without the looked-up `features`.

    It sees at most `COMPARISON_ROWS` of the training rows: enough for a number to compare with.
    """
    rows = training_rows.sample(min(COMPARISON_ROWS, len(training_rows)), random_state=SAMPLE_SEED)
    without = fit(rows.drop(columns=list(features)), parameters)
    return predict(without, held_out)
