"""Contributions of inputs are the library's own, add up to the prediction, and anything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

from mlops_core.project import BASE_VALUE, DeclarationError, Model
from mlops_core.tasks import MulticlassClassification, Regression, Task
from mlops_core.training.composed import Composed, Part
from mlops_core.training.contributions import ROWS, contributions_of, mean_contributions, of_sum, unit_of
from mlops_core.training.model_answers import UnusableAnswerError, predictions
from mlops_core.training.plots import contribution_plot
from mlops_core_tests.flights.project import MODEL
from mlops_core_tests.flights.train import TRAINING

INPUTS = ["distance", "hour", "noise"]


def lightgbm_predict(model: lightgbm.Booster, rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(model.predict(rows[INPUTS]))


def lightgbm_contributions(model: lightgbm.Booster, rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(model.predict(rows[INPUTS], pred_contrib=True), columns=[*INPUTS, BASE_VALUE])


def xgboost_predict(model: xgboost.Booster, rows: pd.DataFrame) -> np.ndarray:
    return model.predict(xgboost.DMatrix(rows[INPUTS]))


def xgboost_contributions(model: xgboost.Booster, rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        model.predict(xgboost.DMatrix(rows[INPUTS]), pred_contribs=True),
        columns=[*INPUTS, BASE_VALUE],
        index=rows.index,
    )


def declared(
    contributions: Callable[..., Any] | None, predict: Any = lightgbm_predict, task: Task = MODEL.task
) -> Model:
    return replace(MODEL, task=task, training=replace(TRAINING, predict=predict, contributions=contributions))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    made = pd.DataFrame({name: random.uniform(0, 10, 2_500) for name in INPUTS}, index=range(7, 2_507))
    made["hour"] = made.hour.round().mask(random.random(2_500) < 0.1)
    made["delay"] = 3 * made.distance + made.hour.fillna(20) + random.normal(size=2_500)
    return made.assign(late=(made.delay > made.delay.median()).astype(int))


def boosted(rows: pd.DataFrame, objective: str, label: str, **parameters: int) -> lightgbm.Booster:
    settings = {"objective": objective, "verbose": -1, "num_threads": 1} | parameters
    return lightgbm.train(settings, lightgbm.Dataset(rows[INPUTS], rows[label]), 20)


def test_they_add_up_to_a_number(rows: pd.DataFrame) -> None:
    model = boosted(rows, "regression", "delay")
    told = contributions_of(declared(lightgbm_contributions, task=Regression()), model, rows)
    assert list(told) == [*INPUTS, BASE_VALUE] and told.index.equals(rows.index)
    np.testing.assert_allclose(told.sum(axis=1), lightgbm_predict(model, rows), atol=1e-6)
    assert told[BASE_VALUE].iloc[0] == pytest.approx(rows.delay.mean(), abs=1e-6)


def test_they_add_up_to_the_log_odds_of_a_probability_of_either_library(rows: pd.DataFrame) -> None:
    ours = boosted(rows, "binary", "late")
    data = xgboost.DMatrix(rows[INPUTS], rows.late)
    theirs = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 20)
    for model, predict, contributions in (
        (ours, lightgbm_predict, lightgbm_contributions),
        (theirs, xgboost_predict, xgboost_contributions),
    ):
        told = contributions_of(declared(contributions, predict), model, rows)
        chance = 1 / (1 + np.exp(-told.sum(axis=1)))
        np.testing.assert_allclose(chance, predict(model, rows), atol=1e-6)
        assert told.distance.abs().mean() > 10 * told.noise.abs().mean()


def test_those_of_one_split_are_what_a_hand_calculates() -> None:
    """Two leaves of as many rows: the base is the mean, and the split adds or takes half of what lies between."""
    rows = pd.DataFrame({"distance": [0.0, 1.0] * 50, "hour": 0.0, "noise": 0.0, "delay": [10.0, 30.0] * 50})
    data = lightgbm.Dataset(rows[INPUTS], rows.delay)
    model = lightgbm.train({"verbose": -1, "num_leaves": 2, "learning_rate": 1.0, "num_threads": 1}, data, 1)
    told = contributions_of(declared(lightgbm_contributions, task=Regression()), model, rows.head(2))
    assert told.to_numpy().tolist() == [pytest.approx([-10, 0, 0, 20]), pytest.approx([10, 0, 0, 20])]


def test_each_row_has_those_of_the_model_that_predicts_it(rows: pd.DataFrame) -> None:
    near, far = (boosted(rows[is_of], "binary", "late") for is_of in (rows.distance <= 5, rows.distance > 5))
    models = {"segment_column": "is_far", "segments": (Part(far, True, len(rows)),)}
    of_two = Composed(lightgbm_predict, Part(near, None, len(rows)), **models)
    told = contributions_of(declared(lightgbm_contributions), of_two, rows.assign(is_far=rows.distance > 5))
    expected = np.where(rows.distance > 5, lightgbm_predict(far, rows), lightgbm_predict(near, rows))
    np.testing.assert_allclose(1 / (1 + np.exp(-told.sum(axis=1))), expected, atol=1e-6)
    assert told.index.equals(rows.index)


def test_they_add_up_to_the_corrected_probability(rows: pd.DataFrame) -> None:
    """Of a model that sampling and weights made think of ones as twelve times as frequent as they are."""
    composed = Composed(lightgbm_predict, Part(boosted(rows, "binary", "late"), None, len(rows)), factors=(0.25, 3.0))
    model = declared(lightgbm_contributions)
    told = contributions_of(model, composed, rows)
    np.testing.assert_allclose(1 / (1 + np.exp(-told.sum(axis=1))), predictions(model, composed, rows), rtol=1e-6)
    plain = contributions_of(model, composed.whole.model, rows)
    np.testing.assert_allclose(told[BASE_VALUE], plain[BASE_VALUE] - np.log(12))
    pd.testing.assert_frame_equal(told[INPUTS], plain[INPUTS])


def test_the_mean_size_is_of_some_rows_all_over_the_time(rows: pd.DataFrame) -> None:
    model = boosted(rows, "regression", "delay")
    project_model = declared(lightgbm_contributions, task=Regression())
    found = mean_contributions(project_model, model, rows)
    expected = pd.DataFrame(model.predict(rows[INPUTS], pred_contrib=True)[:, :3], columns=INPUTS).abs().mean()
    assert found.to_dict() == pytest.approx(expected.to_dict(), rel=0.1) and len(rows) > ROWS
    bars = contribution_plot(found, unit_of(project_model, "min"), "flights").axes[0]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["noise", "hour", "distance"]
    assert bars.get_xlabel() == "mean size, min"
    assert unit_of(MODEL, "min") == "log-odds" and of_sum(MODEL, 0.0) == "a probability of 0.5, 0"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda told: told.drop(columns=BASE_VALUE), "gives no column 'base_value', to which contributions are added"),
        (lambda told: told.head(3), "gives 3 rows for 2,500: return one for each"),
        (lambda told: told.to_numpy(), "gives a ndarray: return a DataFrame"),
        (lambda told: told.assign(hour=np.nan), "some that are no finite numbers"),
        (lambda told: told + 1, r"adds up to [\d.]+ where predict says [\d.]+: return them with 'base_value'"),
        (lambda told: told.nothing, "contributions of training raised AttributeError"),
    ],
)
def test_anything_else_is_refused(rows: pd.DataFrame, spoil: Callable[[Any], Any], sentence: str) -> None:
    model = boosted(rows, "binary", "late")
    with pytest.raises(UnusableAnswerError, match=sentence):
        contributions_of(declared(lambda *given: spoil(lightgbm_contributions(*given))), model, rows)


def test_what_has_none_says_so(rows: pd.DataFrame) -> None:
    with pytest.raises(UnusableAnswerError, match="Training of model 'late_model' declares no contributions"):
        contributions_of(MODEL, None, rows)
    with pytest.raises(DeclarationError, match="contributions are to one number a row, and a MulticlassClassification"):
        declared(lightgbm_contributions, task=MulticlassClassification(classes=("a", "b", "c")))
    with pytest.raises(DeclarationError, match="Training, contributions must be a function, not True"):
        replace(TRAINING, contributions=True)
