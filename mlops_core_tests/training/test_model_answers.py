"""What `fit` and `predict` of a project may give, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_core.adapters.flavors import UnknownFlavorError, require_flavor
from mlops_core.project import Model
from mlops_core.tasks import BinaryClassification
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.training.model_answers import UnusableAnswerError, fitted, predictions
from mlops_core_tests.flights.bands import BAND_MODEL
from mlops_core_tests.flights.project import MODEL
from mlops_core_tests.flights.train import TRAINING, Hyperparameters

ROWS = pd.DataFrame({"a": [0.1, 0.4, 0.9], "empty": [np.nan] * 3, "late": [0, 1, 1]}, index=[5, 6, 7])


def fitting(fit: Callable[..., Any]) -> Model:
    return replace(MODEL, training=replace(TRAINING, fit=fit))


def said(predict: Callable[[Any, pd.DataFrame], Any]) -> np.ndarray:
    return predictions(replace(MODEL, training=replace(TRAINING, predict=predict)), None, ROWS)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (None, "gives an array of shape .. for 3 rows|a NoneType that is not of numbers|no finite"),
        (np.zeros((3, 2)), r"gives an array of shape \(3, 2\) for 3 rows: return one number a row"),
        (np.zeros((3, 1)), r"gives an array of shape \(3, 1\)"),
        ([0.1, 0.2], r"gives an array of shape \(2,\)"),
        ([0.1, 0.2, np.nan], "gives 1 that are no finite numbers"),
        (["yes", "no", "no"], "gives a list that is not of numbers"),
    ],
)
def test_other_answers_are_refused(answer: Any, sentence: str) -> None:
    with pytest.raises(UnusableAnswerError, match=sentence):
        said(lambda _model, _rows: answer)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            [0.1, 0.2, 0.7],
            r"gives an array of shape \(3,\) for 3 rows: return a probability a row of each class",
        ),
        (np.full((3, 3), 1 / 3), r"array of shape \(3, 3\) for 3 rows: .* 'early', 'on time', 'late', 'a day late'"),
        ([["a"] * 4] * 3, "gives a list that is not of numbers"),
        ([[0.5, 0.5, 0, np.nan], [1, 0, 0, 0], [1, 0, 0, 0]], "gives 1 that are no finite numbers"),
    ],
)
def test_other_answers_than_a_probability_of_each_class_are_refused(answer: Any, sentence: str) -> None:
    training = replace(BAND_MODEL.training, predict=lambda _model, _rows: answer)
    with pytest.raises(UnusableAnswerError, match=sentence):
        predictions(replace(BAND_MODEL, training=training), None, ROWS)


def test_an_answer_counts_by_position_whatever_its_index() -> None:
    answer = pd.Series([0.1, 0.2, 0.3], index=[7, 6, 5])
    assert said(lambda _model, _rows: answer).tolist() == [0.1, 0.2, 0.3]


def test_functions_may_do_with_their_rows_what_they_like() -> None:
    def pops(rows: pd.DataFrame, _parameters: Hyperparameters) -> str:
        rows.pop("late")
        rows["a"] = 0.0
        return "model"

    before = ROWS.copy()
    assert fitted(fitting(pops), ROWS, Hyperparameters()) == "model"
    said(lambda _model, rows: rows.pop("a"))
    pd.testing.assert_frame_equal(ROWS, before)


def test_an_error_of_a_function_is_told_with_the_columns_that_are_empty() -> None:
    def fails(*_: object) -> None:
        raise ValueError("window shape")

    with pytest.raises(UnusableAnswerError, match=r"fit of training raised ValueError.*'empty' is null in each row"):
        fitted(fitting(fails), ROWS, Hyperparameters())
    with pytest.raises(UnusableAnswerError, match=r"predict of training raised ValueError\('window shape'\)"):
        said(fails)


def test_an_error_of_a_library_on_infinite_inputs_names_them() -> None:
    from sklearn.linear_model import LinearRegression

    def fit(rows: pd.DataFrame, _parameters: object) -> LinearRegression:
        return LinearRegression().fit(rows[["a", "b"]], rows["c"])

    rows = pd.DataFrame({"a": [1.0, 2.0, -np.inf], "b": [1.0, 2.0, 3.0], "c": [1.0, 2.0, 3.0]})
    with pytest.raises(UnusableAnswerError, match=r"infinity.* for 3 rows; 'a' is infinite in some\.$"):
        fitted(fitting(fit), rows, Hyperparameters())


def test_no_column_of_no_rows_is_called_empty() -> None:
    def fails(_model: object, rows: pd.DataFrame) -> None:
        raise ValueError("nothing to say")

    model = replace(MODEL, training=replace(TRAINING, predict=fails))
    with pytest.raises(UnusableAnswerError, match=r"raised ValueError\('nothing to say'\) for 0 rows\.$"):
        predictions(model, None, ROWS.head(0))


def test_a_fit_that_returns_nothing_is_refused() -> None:
    with pytest.raises(UnusableAnswerError, match="fit of training gives None: return the fitted model"):
        fitted(fitting(lambda _rows, _parameters: None), ROWS, Hyperparameters())


def test_a_probability_is_from_0_to_1() -> None:
    with pytest.raises(UnusableRowsError, match="Of 2 predictions, 1 are no probabilities from 0 to 1"):
        BinaryClassification().measure(np.array([0.0, 1.0]), np.array([0.5, 1.5]))


@pytest.mark.parametrize("name", ["sklern", "scikit-learn", "models", ""])
def test_a_flavor_that_mlflow_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(UnknownFlavorError, match=f"MLflow has no '{name}'; choose from .*lightgbm, .*sklearn"):
        require_flavor(name)


def test_flavors_of_mlflow_are_taken() -> None:
    for name in ("sklearn", "lightgbm", "xgboost", "pyfunc"):
        require_flavor(name)
