"""The model: gradient boosting of scikit-learn on texts, numbers and features, any of which may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from mlops_core.project import FloatRange, Input, IntRange, Search, Training
from mlops_core_tests.flights.events import FLIGHTS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

CATEGORIES = ("carrier", "origin", "dest")


class Hyperparameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    max_iter: int = Field(150, gt=0, description="Trees of the model")
    max_leaf_nodes: int = Field(31, gt=1, description="Leaves of a tree, at most")
    learning_rate: float = Field(0.05, gt=0, description="Weight of a tree")


def fit(rows: pd.DataFrame, parameters: Hyperparameters) -> Pipeline:
    """A pipeline from a flight's inputs and features to the probabilities of being on time and of being late."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    inputs = rows.drop(columns=[FLIGHTS.label_column, FLIGHTS.event_time])
    encoder = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), list(CATEGORIES)),
        ("drop", [name for name in inputs if inputs[name].dtype == object and name not in CATEGORIES]),
        remainder=StandardScaler(with_mean=False, with_std=False),  # numbers as they are, of one type
    )
    model = HistGradientBoostingClassifier(
        categorical_features=range(len(CATEGORIES)), early_stopping=False, random_state=0, **parameters.model_dump()
    )
    return make_pipeline(encoder, model).fit(inputs, rows[FLIGHTS.label_column])


def predict(model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Probability of being late, of each row."""
    return model.predict_proba(rows[list(model.feature_names_in_)])[:, 1]


TRAINING = Training(
    inputs=(
        *CATEGORIES,
        "distance",
        Input("hour", "int", "Hour of the scheduled departure, 0 to 23", expression=f"hour({FLIGHTS.event_time})"),
        Input("weekday", "int", "Weekday, 1 (Sunday) to 7 (Saturday)", expression=f"dayofweek({FLIGHTS.event_time})"),
    ),
    fit=fit,
    predict=predict,
    hyperparameters=Hyperparameters,
    flavor="sklearn",
    packages=("numpy", "pandas", "scikit-learn"),
    search=Search({"max_leaf_nodes": IntRange(2, 64, log=True), "learning_rate": FloatRange(0.01, 0.3, log=True)}),
)
