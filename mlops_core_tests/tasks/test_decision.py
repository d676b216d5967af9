"""What alarms cost, and the threshold that makes it least, against every threshold that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlops_core.tasks import BinaryClassification, Decision, MulticlassClassification, Regression
from mlops_core.validation.rules import compared_metric
from mlops_core_tests.flights.project import MODEL

COSTS = Decision(false_alarm=1, miss=4)
SCORED = st.lists(st.tuples(st.booleans(), st.sampled_from([0, 0.1, 0.2, 0.25, 0.5, 0.7, 1])), min_size=1, max_size=30)


def cost(decision: Decision, actual: np.ndarray, predicted: np.ndarray, threshold: float) -> float:
    false, missed = (predicted >= threshold) & (actual == 0), (predicted < threshold) & (actual == 1)
    return decision.false_alarm * false.sum() + decision.miss * missed.sum()


@settings(deadline=None)
@given(SCORED, st.sampled_from([COSTS, Decision(1, 1), Decision(7.5, 0.1)]))
def test_no_threshold_is_cheaper(rows: list[tuple[bool, float]], decision: Decision) -> None:
    actual, predicted = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows], float)
    found = decision.cheapest(actual, predicted)
    assert 0 < found <= 1
    every = np.linspace(0.001, 1, 1_000)
    least = min(cost(decision, actual, predicted, each) for each in every)
    assert cost(decision, actual, predicted, found) == pytest.approx(least)


def test_it_lies_between_two_probabilities_with_few_digits() -> None:
    actual, predicted = np.array([0, 0, 1, 1.0]), np.array([0.1, 0.31234, 0.32987, 0.9])
    assert COSTS.cheapest(actual, predicted) == 0.32
    assert COSTS.cheapest(actual, np.array([0.1, 0.12, 0.4, 0.9])) == COSTS.break_even == 0.2
    close = np.array([0.1, 0.3, np.nextafter(0.3, 1), 0.9])
    assert (close >= COSTS.cheapest(actual, close)).tolist() == [False, False, True, True]


def test_a_threshold_of_no_alarm_and_of_nothing_else() -> None:
    predicted = np.array([0.2, 0.4])
    assert COSTS.cheapest(np.zeros(2), predicted) > 0.4
    assert COSTS.cheapest(np.ones(2), predicted) <= 0.2


def test_metrics_are_by_the_threshold_of_the_version() -> None:
    random = np.random.default_rng(0)
    predicted = random.random(500)
    actual = (random.random(500) < predicted).astype(float)
    task = BinaryClassification(decision=COSTS)
    assert task.threshold == 0.2 and task.compared == "mean_cost"
    for version, threshold in ((task, 0.2), (task.at(None), 0.2), (task.at(0.7), 0.7)):
        measured, alarm = version.measure(actual, predicted), predicted >= threshold
        assert measured["recall_score"] == pytest.approx(sk.recall_score(actual, alarm))
        assert measured["precision_score"] == pytest.approx(sk.precision_score(actual, alarm))
        matrix = sk.confusion_matrix(actual, alarm)
        assert measured["mean_cost"] == pytest.approx((matrix[0, 1] * 1 + matrix[1, 0] * 4) / 500)
    assert task.at(0.7).outputs[1].sql.endswith(">= 0.7D AS INT)")


@pytest.mark.parametrize("base_rate", [0.1, 0.3])
def test_the_best_constant_is_the_cheaper_of_all_and_no_alarms(base_rate: float) -> None:
    actual = np.zeros(100)
    actual[: int(100 * base_rate)] = 1
    version = BinaryClassification(decision=COSTS).at(0.95)
    constant = np.full(100, version.constant(actual))
    never, always = 4 * base_rate, 1 - base_rate
    assert version.of_constant.measure(actual, constant)["mean_cost"] == pytest.approx(min(never, always))


def test_without_a_decision_nothing_costs_anything_and_one_half_is_an_alarm() -> None:
    task = BinaryClassification()
    assert (task.threshold, task.compared, task.metrics[0].name) == (0.5, "log_loss", "log_loss")
    assert task.at(0.9) is task is task.of_constant
    assert "mean_cost" not in {metric.name for metric in (*task.metrics, *task.monitored)}
    assert BinaryClassification(0.3).at(0.9).threshold == 0.3
    assert (regression := Regression()).at(0.9) is regression


def test_the_gate_and_the_days_judge_the_cost() -> None:
    task = BinaryClassification(decision=COSTS)
    assert compared_metric(replace(MODEL, task=task)).name == "mean_cost"
    assert task.monitor_metric("mean_cost").direction == "above"
    assert next(iter(task.headlines({"mean_cost": 1.0}))) == "mean_cost"


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "free misses": (lambda: Decision(1, 0), "Decision: miss is 0, and must be a number above 0."),
    "no number": (lambda: Decision("1", 2), "Decision: false_alarm is '1', and must be a number above 0."),  # type: ignore[arg-type]
    "endless": (lambda: Decision(1, float("inf")), "Decision: miss is inf, and must be"),
    "no folds": (lambda: Decision(1, 2, folds=0), "Decision: folds is 0, and must be a whole number, at least 1."),
    "both": (lambda: BinaryClassification(0.3, COSTS), "state a threshold, or a decision that chooses one, not both"),
    "a number": (lambda: BinaryClassification(decision=0.3), "decision must be a Decision, not 0.3"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_one_sentence(mistake: str) -> None:
    declare, sentence = REFUSED[mistake]
    with pytest.raises(ValueError, match=sentence):
        declare()


@pytest.mark.parametrize("declare", [Regression, lambda **stated: MulticlassClassification(("a", "b", "c"), **stated)])
def test_only_a_binary_classification_decides(declare: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'decision'|takes no arguments"):
        declare(decision=COSTS)
