"""Classes that count more or less in `fit`, and probabilities that are those of all rows all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from mlops_core.project import Model
from mlops_core.tasks import BinaryClassification, MulticlassClassification
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.training.class_balance import corrected
from mlops_core.training.model_answers import UnusableAnswerError, fitted, predictions
from mlops_core_tests.flights.project import MODEL
from mlops_core_tests.flights.train import TRAINING


class Nothing(BaseModel):
    pass


BINARY = BinaryClassification()


def declared(task: Any = BINARY, **values: Any) -> Model:
    functions = {"fit": fit, "predict": predict, "inputs": ("distance",)} | values
    return replace(MODEL, task=task, training=replace(TRAINING, **functions), not_watched=())


def fit(rows: pd.DataFrame, _parameters: BaseModel, weights: np.ndarray | None = None) -> Any:
    return LogisticRegression(C=1e6).fit(rows[["distance"]], rows["late"], sample_weight=weights)


def predict(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(rows[["distance"]])[:, 1]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Flights that are late with the probability of a logistic function of `distance`."""
    random = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "scheduled_departure": pd.date_range("2013-01-01", periods=40_000, freq="min"),
            "distance": random.normal(size=40_000),
        }
    )
    return made.assign(late=(random.random(40_000) < truth(made)).astype(int))


def truth(rows: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(3 - rows["distance"].to_numpy()))


@pytest.mark.parametrize(
    "values",
    [
        {"sampling": {0: 0.2}},
        {"weights": {1: 8.0}},
        {"weights": "balanced"},
        {"weights": "balanced", "sampling": {0: 0.5}},
        {"weights": {0: 0.5}, "sampling": {0: 0.3, 1: 0.9}},
    ],
)
def test_probabilities_are_those_of_all_rows(rows: pd.DataFrame, values: dict[str, Any]) -> None:
    model = declared(**values)
    found = predictions(model, fitted(model, rows, Nothing()), rows)
    assert found.mean() == pytest.approx(rows["late"].mean(), abs=0.004)
    np.testing.assert_allclose(found, truth(rows), atol=0.06)
    alone = predictions(declared(), fitted(declared(), rows, Nothing()), rows)
    assert np.abs(found - truth(rows)).mean() < np.abs(alone - truth(rows)).mean() + 0.005


def test_without_the_correction_they_are_not(rows: pd.DataFrame) -> None:
    model = declared(sampling={0: 0.2})
    composed = fitted(model, rows, Nothing())
    raw = replace(composed, factors=()).answers(rows)
    assert raw.mean() > 2 * rows["late"].mean()


def test_several_classes_are_corrected_too() -> None:
    random = np.random.default_rng(1)
    classes = ("near", "far", "away")
    labels = random.choice(classes, 30_000, p=[0.8, 0.15, 0.05])
    given = pd.DataFrame(
        {
            "scheduled_departure": pd.date_range("2013-01-01", periods=30_000, freq="min"),
            "distance": 1.0,
            "late": labels,
        }
    ).assign(distance=random.normal(size=30_000) + (labels == "away"))
    model = declared(
        MulticlassClassification(classes=classes),
        sampling={"near": 0.1},
        weights={"away": 3.0},
        predict=lambda model, rows: model.predict_proba(rows[["distance"]]),
    )
    answers = predictions(model, fitted(model, given, Nothing()), given)
    shares = pd.Series(labels).value_counts(normalize=True)
    np.testing.assert_allclose(answers.mean(axis=0), shares[list(classes)], atol=0.01)
    np.testing.assert_allclose(answers.sum(axis=1), 1)


@pytest.mark.parametrize("values", [{"weights": "balanced"}, {"sampling": {0: 0.3}, "weights": {1: 2.0}}])
def test_probabilities_of_each_segment_are_those_of_all_its_rows(rows: pd.DataFrame, values: dict[str, Any]) -> None:
    """One segment is late twice as often as the other; weights are by the classes of all rows, in each of them."""
    random = np.random.default_rng(3)
    origin = random.choice(["EWR", "JFK"], len(rows))
    late = random.random(len(rows)) < np.where(origin == "EWR", 0.1, 0.2)
    given = rows.assign(late=late.astype(int))
    given.insert(1, "origin", origin)
    model = replace(declared(**values, inputs=("origin", "distance")), segments="origin")
    found = pd.Series(predictions(model, fitted(model, given, Nothing()), given))
    for name, rows_of in given.groupby("origin"):
        assert found[rows_of.index].mean() == pytest.approx(rows_of["late"].mean(), abs=0.01), name


def test_weights_alone_leave_nothing_out(rows: pd.DataFrame) -> None:
    assert "sampling" not in fitted(declared(weights="balanced"), rows, Nothing()).notes


def test_the_correction_is_that_of_bayes_by_hand() -> None:
    """Of 90 zeros a tenth is kept beside 10 ones: what looks like 10 in 19 is 1 in 10."""
    np.testing.assert_allclose(corrected(np.array([10 / 19]), (0.1, 1.0)), [0.1])
    np.testing.assert_allclose(corrected(np.array([[0.5, 0.25, 0.25]]), (0.5, 1, 2)), [[8 / 11, 2 / 11, 1 / 11]])
    np.testing.assert_array_equal(corrected(np.array([0.0, 1.0]), (0.1, 1.0)), [0.0, 1.0])


def test_weights_reach_fit_as_scikit_learn_computes_them(rows: pd.DataFrame) -> None:
    seen: list[tuple[pd.DataFrame, np.ndarray]] = []

    def keeps(given: pd.DataFrame, parameters: BaseModel, weights: np.ndarray) -> Any:
        seen.append((given, weights))
        return fit(given, parameters, weights)

    for weights in ("balanced", {1: 4.0}):
        fitted(declared(fit=keeps, weights=weights), rows, Nothing())
        given, found = seen.pop()
        expected = "balanced" if weights == "balanced" else {0: 1.0, 1: 4.0}
        np.testing.assert_allclose(found, compute_sample_weight(expected, given["late"]))
        pd.testing.assert_frame_equal(given, rows)


def test_a_row_is_taken_or_not_whatever_other_rows_there_are(rows: pd.DataFrame) -> None:
    taken: list[pd.DataFrame] = []

    def keeps(given: pd.DataFrame, parameters: BaseModel) -> Any:
        taken.append(given)
        return fit(given, parameters)

    model = declared(fit=keeps, sampling={0: 0.2})
    for given in (rows, rows.iloc[20_000:], rows.assign(seen=1.0)[[*rows.columns[:-1], "seen", "late"]]):
        fitted(model, given, Nothing())
    whole, part, with_feature = (set(each["scheduled_departure"]) for each in taken)
    assert part == {time for time in whole if time >= rows["scheduled_departure"].iloc[20_000]}
    assert with_feature == whole
    shares = taken[0].groupby("late").size() / rows.groupby("late").size()
    assert shares.to_dict() == {0: pytest.approx(0.2, abs=0.01), 1: 1.0}
    assert taken[0]["scheduled_departure"].is_monotonic_increasing


def test_rows_of_one_time_and_the_same_inputs_are_sampled_too() -> None:
    """Three days, two places: were equal rows taken together, of a place there would be all ones, or nothing."""
    random, count = np.random.default_rng(2), 30_000
    days = pd.Timestamp("2013-01-01") + pd.to_timedelta(np.sort(random.integers(0, 3, count)), unit="D")
    given = pd.DataFrame({"scheduled_departure": days, "distance": random.integers(0, 2, count).astype(float)})
    given = given.assign(late=(random.random(count) < 0.1 + 0.2 * given["distance"]).astype(int))
    model = declared(sampling={0: 0.2})
    found = pd.Series(predictions(model, fitted(model, given, Nothing()), given))
    for distance, rows_of in given.groupby("distance"):
        assert found[rows_of.index].mean() == pytest.approx(rows_of["late"].mean(), abs=0.02), distance


def test_what_was_left_out_is_told(rows: pd.DataFrame) -> None:
    composed = fitted(declared(sampling={0: 0.2}), rows, Nothing())
    zeros = int((rows["late"] == 0).sum())
    assert f"of {zeros:,} rows of 0 are fitted; " in composed.notes["sampling"]


def test_a_class_of_which_nothing_is_left_is_refused(rows: pd.DataFrame) -> None:
    few = rows.head(100).assign(late=[1] + [0] * 99)
    with pytest.raises(UnusableRowsError, match="none of the 1 training rows of 1 is left: keep a larger share than"):
        fitted(declared(sampling={1: 1e-9}), few, Nothing())


def test_answers_that_are_no_probabilities_are_not_corrected(rows: pd.DataFrame) -> None:
    model = declared(sampling={0: 0.2}, predict=lambda model, rows: model.decision_function(rows[["distance"]]))
    with pytest.raises(UnusableAnswerError, match="answers are no probabilities from 0 to 1"):
        predictions(model, fitted(model, rows, Nothing()), rows)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_labels_of_one_class_teach_nothing(label: float) -> None:
    with pytest.raises(UnusableRowsError, match=f"All 1,000 labels to train on are {label:g}, and a model needs two"):
        BINARY.require_learnable(np.full(1_000, label))
    BINARY.require_learnable(np.array([0.0, 1.0]))
