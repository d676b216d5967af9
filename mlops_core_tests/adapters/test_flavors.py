"""What is logged answers what the project's `predict` says: the probability of 1, never that of 0, nor a class."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import lightgbm
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from mlops_core.adapters.flavors import OtherAnswerError, description
from mlops_core.project import Training
from mlops_core.tasks import BinaryClassification, MulticlassClassification, Regression
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


def test_an_input_that_the_first_rows_lack_has_its_type_and_may_lack(rows):
    model = TRAINING.fit(rows, Hyperparameters(max_iter=20))
    few = rows.assign(
        carrier=rows["carrier"].mask(np.arange(600) < 10), seen=rows["seen"].fillna(0).mask(rows.index > 9)
    )
    inputs = few.drop(columns=["scheduled_departure", "late"])
    told = description(TRAINING, BINARY, model, inputs, TRAINING.predict(model, few))
    schema = told["signature"].inputs.input_dict()
    assert {name: (schema[name].type.name, schema[name].required) for name in ("carrier", "seen", "origin")} == {
        "carrier": ("string", False),
        "seen": ("double", False),
        "origin": ("string", True),
    }


def test_a_date_that_nanoseconds_do_not_reach_is_no_example(rows):
    """MLflow would refuse the example, and with it the model."""
    open_ends = rows.index < 4
    dated = rows.assign(until=pd.Series(np.where(open_ends, date(9999, 12, 31), date(2013, 2, 1)), dtype=object))
    model = TRAINING.fit(rows, Hyperparameters(max_iter=5))
    inputs = dated.drop(columns=["scheduled_departure", "late"])
    told = description(TRAINING, BINARY, model, inputs, TRAINING.predict(model, rows))
    assert told["input_example"].index.tolist() == [4, 5, 6]
    assert told["signature"].inputs.input_dict()["until"].type.name == "datetime"


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


@pytest.fixture(scope="module")
def banded(rows) -> pd.DataFrame:
    """How far flights are: one class is rare, and one has none."""
    far = pd.cut(rows["distance"], [0, 900, 2_800, 3_000], labels=["near", "far", "very far"]).astype(object)
    return rows.assign(far=far)


FAR = MulticlassClassification(classes=("near", "far", "very far", "around the world"))


def test_the_probabilities_of_several_classes_are_told_apart_by_name(banded):
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(banded[["distance"]], banded["far"])
    training = replace(lightgbm_training(len, len), flavor="sklearn")
    answers = FAR.shape.of_predict(model, model.predict_proba(banded[["distance"]]))
    near = answers[:, 0][banded["distance"] < 900].mean()
    assert near > 2 * answers[:, 0][banded["distance"] > 900].mean()
    description(training, FAR, model, banded[["distance"]], answers)
    exchanged = answers[:, [1, 0, 2, 3]]
    with pytest.raises(OtherAnswerError, match="answers 0.* for a row of which predict.. of the project says 0"):
        description(training, FAR, model, banded[["distance"]], exchanged)


def test_a_booster_of_several_classes_answers_in_the_order_of_the_declaration(banded):
    places = banded["far"].map(FAR.shape.places)
    data = lightgbm.Dataset(banded[["distance"]], places)
    model = lightgbm.train({"objective": "multiclass", "num_class": 4, "verbose": -1}, data, 10)
    answers = FAR.shape.of_predict(model, model.predict(banded[["distance"]]))
    description(lightgbm_training(len, len), FAR, model, banded[["distance"]], answers)
    assert FAR.shape.logged_classes(model) == FAR.classes
    assert (FAR.shape.predictions(answers) == banded["far"]).mean() > 0.9


@pytest.mark.parametrize(("label", "sentence"), [("far", "answers no numbers"), ("place", "answers 1 numbers a row")])
def test_a_class_in_place_of_several_probabilities_is_refused(banded, label, sentence):
    named = banded.assign(place=banded["far"].map(FAR.shape.places))
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(named[["distance"]], named[label])
    answers = FAR.shape.of_predict(model, model.predict_proba(named[["distance"]]))
    with pytest.raises(OtherAnswerError, match=f"flavor 'lightgbm' logs it {sentence}.*with flavor='sklearn'"):
        description(lightgbm_training(len, len), FAR, model, named[["distance"]], answers)


def test_a_regression_answers_its_number(rows):
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=5).fit(rows[["distance"]], rows["distance"])
    training = replace(lightgbm_training(len, len), flavor="sklearn")
    predicted = model.predict(rows[["distance"]])
    assert description(training, Regression(), model, rows[["distance"]], predicted)["pyfunc_predict_fn"] == "predict"
