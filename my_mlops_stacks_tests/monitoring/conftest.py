"""Predictions for trips made by hand, and the monitor tables that they give."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from my_mlops_stacks.project import PROJECT

TRIP = ("2016-02-15 08:00:00", "2016-02-15 08:10:00", 1.0, 10.0, 10001, 10002)
EVERY_DAY = (date(2016, 1, 1), date(2016, 12, 31))


@pytest.fixture
def predict_all():
    """A function from trips to predictions: `value` is SQL over a trip's columns."""

    def predict(trips, value: str = "10.0D", version: int = 1, at: str = "2016-03-01 11:00:00"):
        return trips.drop("fare_amount", "tpep_dropoff_datetime").selectExpr(
            "*",
            f"{value} as prediction",
            "'fare_model' as model_name",
            f"{version} as model_version",
            f"timestamp'{at}' as prediction_time",
        )

    return predict


@pytest.fixture
def profiled():
    """A function from predictions and trips to the profile's rows, as pandas."""

    def profile(predictions, trips) -> pd.DataFrame:
        return profile_metrics(predictions, with_labels(predictions, trips, PROJECT, *EVERY_DAY), PROJECT).toPandas()

    return profile


def whole(profile: pd.DataFrame, column: str = ":table") -> pd.DataFrame:
    """The rows about all predictions of a day."""
    return profile[profile["slice_key"].isna() & (profile["column_name"] == column)].reset_index(drop=True)
