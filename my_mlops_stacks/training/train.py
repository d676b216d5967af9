"""The example model: LightGBM regression of the fare, and what it sees of a trip when a fare is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from mlops_core.project import BASE_VALUE, FloatRange, Input, IntRange, Search, Training
from my_mlops_stacks.ingestion.trips import TRIPS

if TYPE_CHECKING:
    import lightgbm
    import numpy as np
    import pandas as pd

FEW_ROWS = 50_000
"""Below, threads gain nothing, and wait for each other whenever the machine has other work."""


class Hyperparameters(BaseModel):
    """What a run may change about the training; the rest is fixed so that the same rows give the same model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_boost_round: int = Field(100, gt=0, description="Trees of the model")
    num_leaves: int = Field(32, gt=1, description="Leaves of a tree, at most")
    learning_rate: float = Field(0.05, gt=0, description="Weight of a tree")


def as_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """All columns as doubles, in which LightGBM computes; a feature that no row was found for becomes NaN."""
    return frame.astype("float64")


def fit(training_rows: pd.DataFrame, parameters: Hyperparameters) -> lightgbm.Booster:
    """Fit the model.

    Args:
        training_rows: one row a trip in the order of pickup, the inputs and `fare_amount` in USD.
    """
    import lightgbm

    inputs = training_rows.drop(columns=[TRIPS.label_column, TRIPS.event_time])
    data = lightgbm.Dataset(as_matrix(inputs), training_rows[TRIPS.label_column])
    fixed = {"objective": "regression", "seed": 0, "deterministic": True, "force_row_wise": True, "verbose": -1}
    tuned = {"num_leaves": parameters.num_leaves, "learning_rate": parameters.learning_rate}
    threads = {"num_threads": 1 if len(training_rows) < FEW_ROWS else 0}
    return lightgbm.train(fixed | tuned | threads, data, num_boost_round=parameters.num_boost_round)


def predict(model: lightgbm.Booster, rows: pd.DataFrame) -> np.ndarray:
    """Fares in USD for the rows' model inputs, in the order in which the model was fitted."""
    import numpy as np

    return np.asarray(model.predict(as_matrix(rows[model.feature_name()])))


def importance(model: lightgbm.Booster) -> pd.Series:
    """By how much each input reduced the training loss."""
    import pandas as pd

    return pd.Series(model.feature_importance("gain"), model.feature_name())


def contributions(model: lightgbm.Booster, rows: pd.DataFrame) -> pd.DataFrame:
    """What each input adds to a fare or takes from it, in USD, by TreeSHAP."""
    import pandas as pd

    added = model.predict(as_matrix(rows[model.feature_name()]), pred_contrib=True)
    return pd.DataFrame(added, columns=[*model.feature_name(), BASE_VALUE])


TRAINING = Training(
    inputs=(
        "trip_distance",
        "pickup_zip",
        "dropoff_zip",
        Input(
            "pickup_hour",
            "int",
            "Hour of the pickup on the wall clock, 0 to 23",
            expression=f"hour({TRIPS.event_time})",
        ),
        Input(
            "pickup_weekday",
            "int",
            "Weekday of the pickup on the wall clock, 0 (Monday) to 6",
            expression=f"(dayofweek({TRIPS.event_time}) + 5) % 7",
        ),
    ),
    fit=fit,
    predict=predict,
    hyperparameters=Hyperparameters,
    flavor="lightgbm",
    packages=("lightgbm", "numpy", "pandas", "scikit-learn"),
    importance=importance,
    contributions=contributions,
    search=Search(
        {
            "num_boost_round": IntRange(50, 500, log=True),
            "num_leaves": IntRange(8, 256, log=True),
            "learning_rate": FloatRange(0.01, 0.3, log=True),
        }
    ),
)
