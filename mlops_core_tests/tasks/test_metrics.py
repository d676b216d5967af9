"""Every metric of a task against scikit-learn, of a sample and of each of its resamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlops_core.tasks import BinaryClassification, MulticlassClassification, Regression, Task
from mlops_core.tasks.metric import SumMetric
from mlops_core.tasks.task import UnusableRowsError

REGRESSION = {
    "root_mean_squared_error": sk.root_mean_squared_error,
    "mean_absolute_error": sk.mean_absolute_error,
    "r2_score": sk.r2_score,
    "bias": lambda actual, predicted, sample_weight=None: np.average(predicted - actual, weights=sample_weight),
}


def binary(threshold: float) -> dict:
    def at_threshold(metric):
        return lambda actual, predicted, sample_weight=None: metric(
            actual, predicted >= threshold, sample_weight=sample_weight
        )

    def share(actual, predicted, sample_weight=None):
        return np.average(predicted >= threshold, weights=sample_weight)

    return {
        "log_loss": sk.log_loss,
        "roc_auc": sk.roc_auc_score,
        "average_precision": sk.average_precision_score,
        "brier_score": sk.brier_score_loss,
        "precision_score": at_threshold(sk.precision_score),
        "recall_score": at_threshold(sk.recall_score),
        "f1_score": at_threshold(sk.f1_score),
        "accuracy_score": at_threshold(sk.accuracy_score),
        "positive_rate": share,
        "bias": REGRESSION["bias"],
        "calibration_error": expected_calibration_error,
    }


def expected_calibration_error(actual, predicted, sample_weight=None):
    """By its definition, bin by bin."""
    weights = np.ones(len(actual)) if sample_weight is None else sample_weight
    total = 0.0
    for number in range(10):
        upper = predicted < (number + 1) / 10 if number < 9 else predicted <= 1
        inside = (predicted >= number / 10) & upper & (weights > 0)
        if inside.any():
            gap = np.average(predicted[inside], weights=weights[inside]) - np.average(
                actual[inside], weights=weights[inside]
            )
            total += weights[inside].sum() * abs(gap)
    return total / weights.sum()


def both(task: Task) -> dict[str, Task]:
    """The task of a candidate and of a champion."""
    return {"candidate": task, "champion": task}


def rows(task, count: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions, many of which are tied."""
    random = np.random.default_rng(seed)
    if isinstance(task, Regression):
        actual = random.gamma(2, 6, count)
        return actual, actual + random.normal(0, 3, count)
    if isinstance(task, MulticlassClassification):
        probabilities = np.round(random.dirichlet([2, 1, 1], count), 2)
        probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)  # ties, and a sum of 1
        probabilities = np.clip(probabilities, 0, 1)
        places = (random.random((count, 1)) > np.cumsum(probabilities, axis=1)[:, :-1]).sum(axis=1)
        return places.astype(float), probabilities
    probability = np.round(random.beta(1, 3, count), 2)
    return (random.random(count) < probability).astype(float), probability


def multiclass(task: MulticlassClassification) -> dict:
    places = range(len(task.classes))

    def of_classes(metric, **options):
        return lambda actual, predicted, sample_weight=None: metric(
            actual, predicted.argmax(axis=1), sample_weight=sample_weight, **options
        )

    def of_class(metric, place):
        return lambda *rows, **weights: of_classes(metric, labels=[place], average=None)(*rows, **weights).item()

    def brier(actual, predicted, sample_weight=None):
        distance = ((predicted - np.eye(len(places))[actual.astype(int)]) ** 2).sum(axis=1)
        return np.average(distance, weights=sample_weight)

    scores = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    return {
        "log_loss": lambda *rows, **weights: sk.log_loss(*rows, labels=places, **weights),
        "accuracy_score": of_classes(sk.accuracy_score),
        **{f"{name}_macro": of_classes(metric, average="macro") for name, metric in scores.items()},
        "balanced_accuracy_score": of_classes(sk.balanced_accuracy_score),
        "roc_auc_macro": lambda *rows, **weights: sk.roc_auc_score(*rows, multi_class="ovr", **weights),
        "brier_score": brier,
        **{
            f"{name}_{slug}": of_class(metric, place)
            for name, metric in scores.items()
            for place, slug in enumerate(task.slugs)
        },
    }


MULTICLASS = MulticlassClassification(classes=("early", "on time", "late"))
CASES = [
    (Regression(), REGRESSION),
    *((BinaryClassification(at), binary(at)) for at in (0.2, 0.5)),
    (MULTICLASS, multiclass(MULTICLASS)),
]


@pytest.mark.parametrize(("task", "truth"), CASES)
def test_every_metric_is_scikit_learns(task, truth):
    actual, predicted = rows(task)
    found = task.measure(actual, predicted)
    assert set(found) == set(truth)
    for name, value in found.items():
        assert value == pytest.approx(truth[name](actual, predicted), rel=1e-9), name


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.55, 0.9, 1.0])), min_size=2, max_size=30)
)
def test_ties_ends_and_few_rows_are_scikit_learns(pairs):
    actual, predicted = (np.array(values, float) for values in zip(*pairs, strict=True))
    found = BinaryClassification().measure(actual, predicted)
    truth = binary(0.5)
    for name in ("brier_score", "accuracy_score", "bias", "calibration_error"):
        assert found[name] == pytest.approx(truth[name](actual, predicted), abs=1e-12), name
    assert found["log_loss"] == pytest.approx(sk.log_loss(actual, predicted, labels=[0, 1]), rel=1e-9)
    if 0 < actual.sum() < len(actual):
        for name in ("roc_auc", "average_precision"):
            assert found[name] == pytest.approx(truth[name](actual, predicted), rel=1e-9), name


def test_what_rows_do_not_determine_is_no_number():
    one_class = BinaryClassification().measure(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    undetermined = {name for name, value in one_class.items() if np.isnan(value)}
    assert undetermined == {"roc_auc", "average_precision", "precision_score", "recall_score", "f1_score"}
    assert np.isnan(Regression().measure(np.array([2.0]), np.array([2.0]))["r2_score"])


def test_what_measures_nothing_is_a_sentence():
    task = BinaryClassification()
    for actual, predicted, sentence in (
        ([], [], "There are no rows"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "A binary label is 0 or 1, and these rows have 2 too"),
        ([0, np.nan], [0.1, 0.2], "1 of 2 labels are no finite numbers"),
        ([0, 1], [0.1, np.inf], "1 of 2 predictions are no finite numbers"),
    ):
        with pytest.raises(UnusableRowsError, match=sentence):
            task.measure(np.array(actual, float), np.array(predicted, float))


def test_the_constant_prediction_is_the_best_one():
    for task in (Regression(), BinaryClassification()):
        actual, _ = rows(task)
        best = task.constant(actual)
        loss = [task.measure(actual, np.full(len(actual), best + by))[task.compared] for by in (-0.01, 0, 0.01)]
        assert min(loss) == loss[1]


def test_a_threshold_that_is_none_is_refused():
    with pytest.raises(ValueError, match="threshold must be between 0 and 1, not 1"):
        BinaryClassification(threshold=1)


def test_a_metric_is_asked_for_by_name():
    task = BinaryClassification()
    assert task.metric("roc_auc").greater_is_better
    with pytest.raises(KeyError, match="no metric 'auc' of a BinaryClassification: choose one of log_loss, roc_auc"):
        task.metric("auc")


@pytest.mark.parametrize(
    ("direction", "value", "other", "improvement"), [(True, 0.9, 0.8, 0.1), (False, 2, 3, 1), (None, -0.1, 0.3, 0.2)]
)
def test_better_is_above_zero_in_every_direction(direction, value, other, improvement):
    metric = SumMetric("m", "M", greater_is_better=direction, of_sums=lambda sums: sums["rows"])
    assert metric.improvement(value, other) == pytest.approx(improvement)
    assert metric.improvement(other, value) == pytest.approx(-improvement)
