"""A model for each segment: which have one, what predicts the others, and that all is one model."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import cpu_count
from pydantic import BaseModel

from mlops_core.project import Encoding, Model, Segments
from mlops_core.tasks import MulticlassClassification, Regression
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.training.model_answers import UnusableAnswerError, fitted, importance_of, parts_of, predictions
from mlops_core_tests.flights.project import MODEL
from mlops_core_tests.flights.train import TRAINING

NUMBER = Regression()


class Nothing(BaseModel):
    pass


def mean(rows: pd.DataFrame, _parameters: BaseModel) -> dict[str, Any]:
    """A model that knows the mean label of its rows, and how many they are."""
    return {"mean": rows["late"].mean(), "rows": len(rows)}


def say_mean(model: dict[str, Any], rows: pd.DataFrame) -> np.ndarray:
    return np.full(len(rows), model["mean"])


def declared(column: str = "origin", min_rows: int = 2, task: Any = NUMBER, **training: Any) -> Model:
    functions = {"fit": mean, "predict": say_mean} | training
    return replace(MODEL, task=task, training=replace(TRAINING, **functions), segments=Segments(column, min_rows))


def events(**columns: Any) -> pd.DataFrame:
    count = len(columns["late"])
    return pd.DataFrame({"scheduled_departure": pd.date_range("2013-01-01", periods=count, freq="h"), **columns})


ROWS = events(
    origin=pd.Series(["EWR", "JFK", "EWR", "LGA", "JFK", None], dtype=object), late=[1.0, 3.0, 2.0, 50.0, 5.0, 7.0]
)


def test_a_segment_is_predicted_by_its_own_model() -> None:
    model = fitted(declared(), ROWS, Nothing())
    asked = pd.DataFrame({"origin": pd.Series(["JFK", "EWR", "LGA", None, "new", "EWR"], dtype=object)})
    of_all = ROWS["late"].mean()  # of one row, of none, and of nobody: the model of all
    assert predictions(declared(), model, asked).tolist() == [4.0, 1.5, of_all, of_all, of_all, 1.5]
    assert model.notes == {
        "segments": "2 of 3 values of origin have a model of their own; 2 of 6 rows are of values with fewer than 2 "
        "rows or without a class that others have, and are predicted by the model of all rows"
    }


@pytest.mark.parametrize("kind", ["int32", "Int32", "float64"])
def test_numbers_name_segments_in_every_type(kind: str) -> None:
    rows = events(origin=np.array([1.0, 1.0, 2.0, 2.0]), late=[1.0, 3.0, 5.0, 7.0])
    model = fitted(declared(), rows, Nothing())
    asked = pd.DataFrame({"origin": pd.Series([2, 1, 3]).astype(kind)})
    assert predictions(declared(), model, asked).tolist() == [6.0, 2.0, 4.0]


def test_booleans_name_segments() -> None:
    rows = events(origin=pd.Series([True, False, True, False, None], dtype=object), late=[1.0, 3.0, 5.0, 7.0, 9.0])
    model = fitted(declared(), rows, Nothing())
    asked = pd.DataFrame({"origin": pd.Series([False, True, None], dtype=object)})
    assert predictions(declared(), model, asked).tolist() == [5.0, 3.0, 5.0]


def test_no_segment_is_large_enough_and_no_row_is_asked_for() -> None:
    model = fitted(declared(min_rows=100), ROWS, Nothing())
    assert set(predictions(declared(), model, ROWS)) == {ROWS["late"].mean()}
    assert len(predictions(declared(), fitted(declared(), ROWS, Nothing()), ROWS.head(0))) == 0


class Shares:
    """A model that answers the shares of the classes that it has seen."""

    def __init__(self, labels: pd.Series) -> None:
        counts = labels.value_counts(normalize=True).sort_index()
        self.classes_, self.shares = counts.index.to_numpy(), counts.to_numpy()


def test_a_segment_without_a_class_has_no_model_of_its_own() -> None:
    """And a class that no training row was of has the probability 0."""
    task = MulticlassClassification(classes=("late", "early", "on time", "never"))
    rows = events(
        origin=["EWR"] * 4 + ["JFK"] * 4,
        late=["early", "late", "on time", "late", "late", "late", "late", "early"],
    )
    model = declared(
        task=task,
        fit=lambda rows, _parameters: Shares(rows["late"]),
        predict=lambda model, rows: np.tile(model.shares, (len(rows), 1)),
    )
    answers = predictions(model, fitted(model, rows, Nothing()), rows)
    assert answers[0].tolist() == [0.5, 0.25, 0.25, 0]
    assert answers[-1].tolist() == [5 / 8, 2 / 8, 1 / 8, 0]  # of all rows


def test_segments_are_fitted_side_by_side_and_answered_in_one_call_each() -> None:
    calls: list[int] = []
    both_began = Barrier(min(2, cpu_count()))

    def fit(rows: pd.DataFrame, parameters: BaseModel) -> dict[str, Any]:
        if set(rows["origin"]) in ({"A000"}, {"A001"}):  # neither ends before the other has begun
            both_began.wait(60)
        return mean(rows, parameters)

    def predict(model: dict[str, Any], rows: pd.DataFrame) -> np.ndarray:
        calls.append(len(rows))
        return say_mean(model, rows)

    names = np.array([f"A{number:03d}" for number in range(200)], dtype=object)
    rows = events(origin=np.tile(names, 10), late=np.arange(2_000.0))
    model = declared(fit=fit, predict=predict)
    found = fitted(model, rows, Nothing())
    expected = rows.groupby("origin")["late"].transform("mean")
    assert predictions(model, found, rows).tolist() == expected.tolist()
    assert calls == [10] * 200


def test_parts_lead_to_each_model_and_to_what_it_sees() -> None:
    model = declared(encoding=Encoding(min_count=1))
    found = fitted(model, ROWS, Nothing())
    asked = ROWS.drop(columns=["scheduled_departure", "late"])
    answers = np.empty(len(asked))
    for places, of_segment, given in parts_of(found, asked):
        assert given["origin"].dtype == "category"
        answers[places] = of_segment["mean"]
    assert answers.tolist() == predictions(model, found, asked).tolist()
    (alone,) = parts_of("model", asked)
    assert (alone[0].tolist(), alone[1]) == (list(range(6)), "model")


def test_importance_is_the_mean_of_the_segments_shares() -> None:
    model = declared(importance=lambda model: pd.Series({"a": 1.0, "b": model["rows"] - 1.0}))
    rows = events(origin=["EWR"] * 2 + ["JFK"] * 4, late=np.arange(6.0))
    found = importance_of(model, fitted(model, rows, Nothing()))
    assert found is not None
    assert found.to_dict() == pytest.approx({"a": (2 * 0.5 + 4 * 0.25) / 6, "b": (2 * 0.5 + 4 * 0.75) / 6})


def test_what_the_model_of_a_segment_did_not_use_has_no_importance_in_it() -> None:
    model = declared(importance=lambda model: pd.Series({"a": 1.0} if model["rows"] == 2 else {"a": 1.0, "b": 3.0}))
    rows = events(origin=["EWR"] * 2 + ["JFK"] * 4, late=np.arange(6.0))
    found = importance_of(model, fitted(model, rows, Nothing()))
    assert found is not None
    assert found.to_dict() == pytest.approx({"a": (2 * 1 + 4 * 0.25) / 6, "b": 4 * 0.75 / 6})


def test_a_segment_that_fails_is_named() -> None:
    def fit(rows: pd.DataFrame, parameters: BaseModel) -> Any:
        if set(rows["origin"]) == {"JFK"}:
            raise ValueError("too hot")
        return mean(rows, parameters)

    with pytest.raises(UnusableAnswerError, match=r"fit of training raised ValueError.* for 2 rows of origin 'JFK'"):
        fitted(declared(fit=fit), ROWS, Nothing())
    nothing = declared(fit=lambda rows, _parameters: None if len(rows) == 2 else "model")
    with pytest.raises(UnusableAnswerError, match="fit of training gives None"):
        fitted(nothing, ROWS, Nothing())


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            lambda _model, rows: np.where(rows["origin"] == "EWR", np.nan, 0.0),
            "gives 2 that are no finite numbers, where origin is 'EWR' for 6 rows",
        ),
        (lambda _model, rows: np.zeros((len(rows), 2)), r"an array of shape \(2, 2\) where one of \(2,\) is asked for"),
    ],
)
def test_an_answer_that_is_none_is_told(answer: Any, sentence: str) -> None:
    model = declared(predict=answer)
    with pytest.raises(UnusableAnswerError, match=sentence):
        predictions(model, fitted(model, ROWS, Nothing()), ROWS)


def test_a_class_in_the_hold_out_that_is_not_declared_is_told() -> None:
    task = MulticlassClassification(classes=("late", "early", "on time"))
    with pytest.raises(UnusableRowsError, match="1 of 2 labels are 'never'"):
        task.shape.labels(pd.Series(["late", "never"]))
