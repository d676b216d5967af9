"""The example model: LightGBM regression of the fare."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from my_mlops_stacks.training.columns import INPUT_COLUMNS, LABEL

FEW_ROWS = 50_000
"""Below, threads gain nothing, and wait for each other whenever the machine has other work."""


class Hyperparameters(BaseModel):
    """What a run may change about the training; the rest is fixed so that the same rows give the same model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_boost_round: PositiveInt
    num_leaves: PositiveInt
    learning_rate: PositiveFloat


def as_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """All columns as doubles, in which LightGBM computes; a feature that no row was found for becomes NaN."""
    return frame.astype("float64")


def as_given(frame: pd.DataFrame) -> pd.DataFrame:
    """The inputs as callers of the logged model give them: a trip's own integers as such, all others as doubles.

    MLflow takes no integer of 64 bits, which is pandas' own, for a double; a looked-up count is one, as it may be
    missing.
    """
    whole = [name for name in frame.columns if INPUT_COLUMNS.get(name, ("",))[0] == "int"]
    return as_matrix(frame).astype(dict.fromkeys(whole, "int64"))


def fit(training_rows: pd.DataFrame, parameters: Hyperparameters) -> lightgbm.Booster:
    """Fit the model.

    Args:
        training_rows: one row a trip, the inputs and `fare_amount` in USD.
    """
    data = lightgbm.Dataset(as_matrix(training_rows.drop(columns=LABEL)), training_rows[LABEL])
    fixed = {"objective": "regression", "seed": 0, "deterministic": True, "force_row_wise": True, "verbose": -1}
    tuned = {"num_leaves": parameters.num_leaves, "learning_rate": parameters.learning_rate}
    threads = {"num_threads": 1 if len(training_rows) < FEW_ROWS else 0}
    return lightgbm.train(fixed | tuned | threads, data, num_boost_round=parameters.num_boost_round)


def predict(model: lightgbm.Booster, rows: pd.DataFrame) -> np.ndarray:
    """Fares in USD for the rows' model inputs, in the order in which the model was fitted."""
    return np.asarray(model.predict(as_matrix(rows[model.feature_name()])))
