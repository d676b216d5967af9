"""The model learns what can be learnt, the same from the same rows, and sees nothing of the trip's end."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature

from mlops_core.tasks import Regression
from mlops_core.training.baselines import constant_prediction, prediction_without_features, training_baseline
from mlops_core.training.model_inputs import as_declared, model_inputs
from mlops_core.training.plots import importance_plot
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.training.train import Hyperparameters, fit, importance, predict

PARAMETERS = Hyperparameters(num_boost_round=30, num_leaves=8, learning_rate=0.2)


@pytest.fixture
def trips() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    distance, surge = rng.uniform(1, 10, 2000), rng.uniform(0, 5, 2000)
    fare = 3 + 2 * distance + surge
    return pd.DataFrame(
        {
            "tpep_pickup_datetime": pd.date_range("2016-01-01", periods=2000, freq="min"),
            "trip_distance": distance,
            "pickup_zip": 10001,
            "surge": surge,
            "fare_amount": fare,
        }
    )


def test_the_model_beats_the_mean_and_the_model_without_features(trips):
    rows, held_out = trips[:1500], trips[1500:]
    actual = held_out["fare_amount"].to_numpy()

    def error(predicted: np.ndarray) -> float:
        return float(np.sqrt(np.mean((predicted - actual) ** 2)))

    with_features = error(predict(fit(rows, PARAMETERS), held_out))
    without = error(prediction_without_features(PROJECT.model, rows, held_out, ["surge"], PARAMETERS))
    mean = error(constant_prediction(Regression(), rows["fare_amount"], held_out))
    assert with_features < without / 2 < mean / 2
    assert without > 1.2  # the surge, uniform over 5 USD, is noise of 1.44 USD to a model that does not see it


def test_the_same_rows_give_the_same_model(trips):
    assert fit(trips, PARAMETERS).model_to_string() == fit(trips.copy(), PARAMETERS).model_to_string()


def test_missing_features_are_nan_and_can_be_scored(trips):
    trips["count"] = pd.array([None, 1] * 1000, dtype="Int64")
    assert np.isfinite(predict(fit(trips, PARAMETERS), trips)).all()


def test_the_baseline_is_a_sample_of_the_training_rows_with_predictions(trips):
    model = fit(trips, PARAMETERS)
    baseline = training_baseline(PROJECT.model, trips, model)
    assert len(baseline) == len(trips)
    np.testing.assert_allclose(baseline["prediction"], model.predict(baseline[model.feature_name()]))


def test_importance_is_plotted_for_every_input(trips):
    labels = [
        label.get_text() for label in importance_plot(importance(fit(trips, PARAMETERS))).axes[0].get_yticklabels()
    ]
    assert set(labels) == {"trip_distance", "pickup_zip", "surge"}


@pytest.mark.parametrize("kind", ["int64", "int32"])
def test_a_notebook_may_give_a_trips_integers_as_they_are_to_the_logged_model(trips, tmp_path, kind):
    model, inputs = fit(trips, PARAMETERS), trips.drop(columns=["fare_amount", "tpep_pickup_datetime"])
    signature = infer_signature(as_declared(PROJECT, inputs), predict(model, trips))
    mlflow.lightgbm.save_model(model, tmp_path / "model", signature=signature, pip_requirements=["lightgbm"])
    given = inputs.astype({"pickup_zip": kind})
    np.testing.assert_allclose(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(given), predict(model, trips))


def test_the_inputs_say_what_the_wall_clock_says(trips_of):
    trips = trips_of([("2016-03-13 02:30:00", "2016-03-13 03:45:00", 1.5, 10.0, 10001, 10002)])  # a clock change
    inputs = model_inputs(PROJECT, trips)
    assert dict(inputs.dtypes) == {name: kind for name, (kind, _) in PROJECT.input_columns.items()}
    row = inputs.collect()[0]
    assert (row["pickup_hour"], row["pickup_weekday"]) == (2, 6)
