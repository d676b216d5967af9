"""The pictures of held-out predictions show what scikit-learn and pandas compute, also where a label is missing."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mlops_core.tasks import BinaryClassification, MulticlassClassification, Regression
from mlops_core.training.plots import importance_plot

BAND = MulticlassClassification(classes=("early", "on time", "late", "a day late"))
BINARY = BinaryClassification(threshold=0.3)


@pytest.fixture
def held_out() -> pd.DataFrame:
    random = np.random.default_rng(0)
    chance = random.random(500)
    return pd.DataFrame(
        {
            "at": pd.date_range("2013-02-01", periods=500, freq="h"),
            "late": (random.random(500) < chance).astype(int),
            "prediction": chance,
        }
    )


def line(figure, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x, y = figure.axes[0].lines[number].get_data()
    return np.asarray(x), np.asarray(y)


def test_a_classification_has_its_three_curves(held_out):
    figures = BINARY.figures(held_out, "late", "at")
    assert list(figures) == ["roc_curve", "precision_recall_curve", "calibration"]
    false_rate, true_rate = line(figures["roc_curve"])
    assert np.trapezoid(true_rate, false_rate) == pytest.approx(
        metrics.roc_auc_score(held_out.late, held_out.prediction)
    )
    predicted, shares = line(figures["calibration"])
    tenths = pd.qcut(held_out.prediction, 10)
    np.testing.assert_allclose(predicted, held_out.prediction.groupby(tenths, observed=True).mean())
    np.testing.assert_allclose(shares, held_out.late.groupby(tenths, observed=True).mean())


def test_the_dot_is_at_the_threshold_of_the_class(held_out):
    (dot,) = BINARY.figures(held_out, "late", "at")["precision_recall_curve"].axes[0].collections
    recall, precision = dot.get_offsets().data[0]
    chosen = held_out.prediction >= 0.3
    assert recall == pytest.approx(metrics.recall_score(held_out.late, chosen))
    assert precision == pytest.approx(metrics.precision_score(held_out.late, chosen))


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_are_drawn_without_a_warning(held_out, label):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BINARY.figures(held_out.assign(late=label), "late", "at")


@pytest.mark.parametrize("value", [0.0, 0.2, 0.9, 1.0])
def test_a_model_that_says_one_number_is_drawn_too(held_out, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BINARY.figures(held_out.assign(prediction=value), "late", "at")


def test_a_regression_names_its_label_and_unit_where_there_is_one(held_out):
    figures = Regression().figures(held_out, "late", "at", "min")
    assert list(figures) == ["predicted_against_actual", "residuals_over_time"]
    assert figures["predicted_against_actual"].axes[0].get_xlabel() == "late in min"
    assert figures["residuals_over_time"].axes[0].get_ylabel() == "predicted less actual, min"
    without = Regression().figures(held_out, "late", "at")
    assert without["predicted_against_actual"].axes[0].get_ylabel() == "predicted late"
    days = (held_out.prediction - held_out.late).groupby(held_out["at"].dt.floor("D")).mean()
    np.testing.assert_allclose(line(without["residuals_over_time"])[1], days)


@pytest.fixture
def banded() -> pd.DataFrame:
    """Three classes of four, the last of which neither is nor is predicted."""
    random = np.random.default_rng(0)
    answers = np.pad(random.dirichlet([2, 1, 1], 300), ((0, 0), (0, 1)))
    bands = np.take(BAND.classes, [random.choice(4, p=row) for row in answers])
    return pd.DataFrame({"band": bands, "prediction": BAND.shape.column(answers)})


def test_several_classes_have_the_confusion_and_the_scores_of_each(banded):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = BAND.figures(banded, "band", "at")
    assert list(figures) == ["confusion_matrix", "classes"]
    said = np.take(BAND.classes, np.stack(banded.prediction).argmax(axis=1))
    counts = metrics.confusion_matrix(banded.band, said, labels=list(BAND.classes))
    axes = figures["confusion_matrix"].axes[0]
    assert [text.get_text() for text in axes.texts] == [str(count) for count in counts.ravel()]
    assert [text.get_text() for text in axes.get_xticklabels()] == list(BAND.classes)
    bars = [bar.get_width() for bar in figures["classes"].axes[0].patches]
    options = {"labels": list(BAND.classes), "average": None, "zero_division": 0}
    scores = (metrics.precision_score, metrics.recall_score, metrics.f1_score)
    np.testing.assert_allclose(bars, [value for score in scores for value in score(banded.band, said, **options)])


def test_of_many_classes_cells_have_no_numbers():
    many = MulticlassClassification(classes=tuple(range(40)))
    answers = np.random.default_rng(0).dirichlet(np.ones(40), 100)
    rows = pd.DataFrame({"kind": answers.argmax(axis=1), "prediction": many.shape.column(answers)})
    figure = many.figures(rows, "kind", "at")["confusion_matrix"]
    assert not figure.axes[0].texts and figure.get_figwidth() == 12


def test_importance_is_a_share_of_the_whole():
    bars = importance_plot(pd.Series({"distance": 3.0, "hour": 1.0})).axes[0].patches
    assert [bar.get_width() for bar in bars] == [0.25, 0.75]
