"""A toy of each kind: its rows pass the thresholds that were measured on them, by inputs and by recent labels."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

from mlops_core.cli.new import toys
from mlops_core.cli.new.ask import Decisions, accept
from mlops_core.cli.new.proposals.declared import declared

METRICS = {
    "root_mean_squared_error": root_mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "roc_auc": roc_auc_score,
    "log_loss": log_loss,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", toys.LABELS)
def test_its_thresholds_are_reached_on_other_rows_of_its_shape(kind: str) -> None:
    answers = toys.toy("churn", kind, Decisions(accept))
    declared(answers)
    days = [toys.FIRST_DAY + timedelta(days=number) for number in range(30)]
    rows = pd.concat([toys.rows_of(kind).of_day(day, 200, seed=1).to_pandas() for day in days])
    inputs = rows[list(answers.inputs)].apply(lambda each: each if each.dtype != object else pd.factorize(each)[0])
    model = (HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier)(random_state=0)
    model.fit(inputs[:4_800], rows[answers.label][:4_800])
    actual, later = rows[answers.label][4_800:], inputs[4_800:]
    predicted = model.predict(later) if kind == "regression" else model.predict_proba(later)
    predicted = predicted[:, 1] if kind == "binary" else predicted
    for each in answers.thresholds:
        reached = (
            accuracy_score(actual, model.predict(later))
            if each.metric == "accuracy_score"
            else METRICS[each.metric](actual, predicted)
        )
        assert reached > each.threshold if each.greater_is_better else reached < each.threshold


@pytest.mark.parametrize("kind", toys.LABELS)
def test_its_feature_tables_help(kind: str) -> None:
    decide = Decisions(accept)
    answers = toys.toy("churn", kind, decide)
    said = next(line for line in decide.lines if line.what == "feature tables")
    assert said.value == "route over a day, route over a week"
    assert [entity.column for entity in answers.entities] == ["route"]


def test_a_later_day_makes_no_other_project() -> None:
    """The rows are of fixed days, so that the same command gives the same project."""
    once, again = (toys.toy("churn", "binary", Decisions(accept)) for _ in range(2))
    assert once == again
    assert once.first_day == str(toys.FIRST_DAY)
    assert once.last_day == str(toys.FIRST_DAY + timedelta(days=toys.DAYS - 1))
