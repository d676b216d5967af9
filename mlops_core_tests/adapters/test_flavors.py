"""What is logged answers what the project's `predict` says: the probability of 1, never that of 0, nor a class."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from mlops_core.adapters.flavors import OtherAnswerError, description
from mlops_core.project import Training
from mlops_core.tasks import BinaryClassification, Regression
from mlops_core_tests.flights.train import TRAINING, Hyperparameters

BINARY = BinaryClassification()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Flights that are late with a probability of `distance` / 3000."""
    random = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "scheduled_departure": pd.date_range("2013-01-01", periods=600, freq="h"),
            "carrier": random.choice(["AA", None, "UA"], 600),
            "origin": random.choice(["EWR", "JFK"], 600),
            "dest": random.choice(["BOS", "LAX"], 600),
            "distance": random.integers(100, 2_900, 600),
            "seen": np.where(random.random(600) < 0.2, np.nan, random.random(600)),
        }
    )
    return made.assign(late=(random.random(600) < made["distance"] / 3_000).astype(int))


def lightgbm_training(fit: object, predict: object, flavor: str = "lightgbm") -> Training:
    return Training(
        inputs=("distance",), fit=fit, predict=predict, hyperparameters=BaseModel, flavor=flavor, packages=()
    )


def test_scikit_learn_answers_the_probability_of_one(rows):
    model = TRAINING.fit(rows, Hyperparameters(max_iter=20))
    inputs = rows.drop(columns=["scheduled_departure", "late"])
    predicted = TRAINING.predict(model, rows)
    assert np.corrcoef(predicted, rows["distance"])[0, 1] > 0.5
    told = description(TRAINING, BINARY, model, inputs, predicted)
    assert told["pyfunc_predict_fn"] == "predict_proba"
    assert told["signature"].inputs.input_names() == list(inputs.columns)
    assert len(told["input_example"]) == 3


def test_the_probability_of_zero_is_refused(rows):
    model = TRAINING.fit(rows, Hyperparameters(max_iter=20))
    inputs, predicted = rows.drop(columns=["scheduled_departure", "late"]), TRAINING.predict(model, rows)
    with pytest.raises(OtherAnswerError, match="flavor 'sklearn' logs it answers 0.* predict.. of the project says 0"):
        description(TRAINING, BINARY, model, inputs, 1 - predicted)


def test_a_booster_answers_the_probability_alone(rows):
    data = lightgbm.Dataset(rows[["distance"]], rows["late"])
    model = lightgbm.train({"objective": "binary", "verbose": -1}, data, 10)
    training = lightgbm_training(len, len)
    predicted = model.predict(rows[["distance"]])
    assert "pyfunc_predict_fn" not in description(training, BINARY, model, rows[["distance"]], predicted)


def test_classes_in_place_of_probabilities_are_refused(rows):
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows[["distance"]], rows["late"])
    predicted = model.predict_proba(rows[["distance"]])[:, 1]
    with pytest.raises(OtherAnswerError, match="choose a model whose flavor answers that"):
        description(lightgbm_training(len, len), BINARY, model, rows[["distance"]], predicted)
    as_estimator = replace(lightgbm_training(len, len), flavor="sklearn")
    description(as_estimator, BINARY, model, rows[["distance"]], predicted)


def test_a_regression_answers_its_number(rows):
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=5).fit(rows[["distance"]], rows["distance"])
    training = replace(lightgbm_training(len, len), flavor="sklearn")
    predicted = model.predict(rows[["distance"]])
    assert description(training, Regression(), model, rows[["distance"]], predicted)["pyfunc_predict_fn"] == "predict"
