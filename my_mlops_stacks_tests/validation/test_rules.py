"""Each rule fails and passes; what is no rule is refused with the fix."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import InvalidOperation

import numpy as np
import pandas as pd
import pytest

from mlops_core.project import MetricThreshold, Project
from mlops_core.tasks import Regression
from mlops_core.validation.judgement import judge, judge_against_champion
from mlops_core.validation.rules import Rule, RuleError, compared_metric
from mlops_core.validation.rules import rules as rules_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.validation.validation import custom_metrics, evaluator_config, validation_thresholds

TASK = Regression()
RMSE = TASK.metric("root_mean_squared_error")
THRESHOLDS = validation_thresholds()
GOOD = {"root_mean_squared_error": 2.5, "mean_absolute_error": 1.3, "r2_score": 0.94, "absolute_bias": 0.1}


def with_validation(**changes: object) -> Project:
    validation = replace(PROJECT.model.validation, **changes)
    return replace(PROJECT, models=(replace(PROJECT.model, validation=validation),))


def rules(stated: Mapping[str, object] | Callable[[], object] = THRESHOLDS) -> list[Rule]:
    return rules_of(with_validation(thresholds=stated if callable(stated) else lambda: stated))


def failed(measured: dict[str, float], champion: dict[str, float] | None = None, thresholds=THRESHOLDS) -> list[str]:
    return [verdict.rule for verdict in judge(rules(thresholds), measured, champion) if not verdict.passed]


def test_good_metrics_keep_every_threshold():
    assert failed(GOOD) == []


@pytest.mark.parametrize("metric", THRESHOLDS)
def test_each_threshold_can_fail_and_says_by_how_much(metric):
    worse = -1.0 if THRESHOLDS[metric].greater_is_better else 1_000.0
    assert failed(GOOD | {metric: worse}) == [f"{metric}_within_threshold"]
    verdict = next(v for v in judge(rules(), GOOD | {metric: worse}, None) if not v.passed)
    assert (verdict.value, verdict.bound) == (worse, THRESHOLDS[metric].threshold)
    unit = "" if metric == "r2_score" else " USD"
    assert f"{metric} of the held-out trips is {worse:.4g}{unit} and must be at" in verdict.sentence
    assert verdict.sentence.endswith(verdict.limit) and verdict.limit.endswith(unit)


@pytest.mark.parametrize("metric", THRESHOLDS)
def test_the_bound_itself_passes(metric):
    assert failed(GOOD | {metric: THRESHOLDS[metric].threshold}) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", THRESHOLDS)
def test_a_metric_that_is_no_finite_number_fails_and_says_so(metric, value):
    measured = GOOD | {metric: value}
    assert failed(measured) == [f"{metric}_within_threshold"]
    assert any("a value that is not finite fails" in verdict.sentence for verdict in judge(rules(), measured, None))


@pytest.mark.parametrize(
    ("limits", "metric", "values", "passes", "bound"),
    [
        ({"min_absolute_change": 0.1, "greater_is_better": False}, "mean_absolute_error", (1.3, 1.5), True, 1.4),
        ({"min_absolute_change": 0.1, "greater_is_better": False}, "mean_absolute_error", (1.45, 1.5), False, 1.4),
        ({"min_relative_change": 0.02, "greater_is_better": True}, "r2_score", (0.95, 0.9), True, 0.918),
        ({"min_relative_change": 0.02, "greater_is_better": True}, "r2_score", (0.91, 0.9), False, 0.918),
        ({"min_relative_change": 0.1, "greater_is_better": True}, "r2_score", (-0.95, -1.0), False, -0.9),
        (
            {"min_absolute_change": 0.1, "min_relative_change": 0.5, "greater_is_better": False},
            *("mean_absolute_error", (0.8, 1.0), False, 0.5),
        ),
    ],
)
def test_a_rule_about_the_champion_fails_and_passes(limits, metric, values, passes, bound):
    candidate, champion = values
    verdict = judge(rules({metric: MetricThreshold(**limits)}), {metric: candidate}, {metric: champion})[0]
    assert verdict.rule == f"{metric}_improves_on_champion"
    assert verdict.passed is passes
    assert verdict.bound == pytest.approx(bound)


def test_a_bound_and_a_change_are_two_checks():
    stated = {"r2_score": MetricThreshold(threshold=0.8, min_relative_change=0.01, greater_is_better=True)}
    assert [rule.name for rule in rules(stated)] == ["r2_score_within_threshold", "r2_score_improves_on_champion"]
    assert failed({"r2_score": 0.9}, {"r2_score": 0.9}, stated) == ["r2_score_improves_on_champion"]


def test_the_first_model_passes_what_is_about_a_champion():
    stated = {"r2_score": MetricThreshold(min_relative_change=0.01, greater_is_better=True)}
    verdict = judge(rules(stated), {"r2_score": 0.1}, None)[0]
    assert verdict.passed and "no champion" in verdict.sentence
    first = judge_against_champion(GOOD, None, RMSE)
    assert first.passed and "no champion yet" in first.sentence


def test_a_comparison_that_is_off_says_so():
    verdict = judge_against_champion(GOOD, None, RMSE, compared=False)
    assert verdict.passed and "enable_baseline_comparison is off" in verdict.sentence


@pytest.mark.parametrize(("champion", "passes"), [(2.6, True), (2.5, True), (2.4, False), (math.nan, False)])
def test_the_candidate_must_be_as_good_as_the_champion(champion, passes):
    assert judge_against_champion(GOOD, GOOD | {"root_mean_squared_error": champion}, RMSE).passed is passes


def test_a_rule_about_a_metric_that_nothing_computes_names_the_fix():
    stated = {"median_error": MetricThreshold(threshold=1.0, greater_is_better=False)}
    with pytest.raises(RuleError, match=r"'median_error', which is not computed: add it to the custom metrics"):
        judge(rules(stated), GOOD, None)


NO_THRESHOLDS = [
    ({"threshold": 1.0}, "must say greater_is_better"),
    ({"greater_is_better": True}, "limits nothing"),
    ({"threshold": "4.0", "greater_is_better": False}, "threshold='4.0', which is no finite number"),
    ({"threshold": True, "greater_is_better": False}, "no finite number"),
    ({"min_absolute_change": 0, "greater_is_better": False}, "must be above 0"),
    ({"min_relative_change": 2, "greater_is_better": False}, "min_relative_change=2, which must be a share"),
    ({"min_relative_change": 1.5, "greater_is_better": False}, "must be a share"),
    ({"min_relative_change": 0.1, "greater_is_better": "yes"}, "must say greater_is_better"),
]


@pytest.mark.parametrize(("stated", "sentence"), NO_THRESHOLDS)
def test_what_is_no_rule_is_refused_when_the_rules_load_and_by_mlflow_too(stated, sentence):
    from mlflow.models import MetricThreshold as OfMlflow
    from mlflow.models.evaluation.validation import MetricThresholdClassException

    with pytest.raises(RuleError, match=f"'r2_score' .*{sentence}"):
        rules({"r2_score": MetricThreshold(**stated)})
    with pytest.raises(MetricThresholdClassException):
        OfMlflow(**stated)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_bound_that_nothing_or_everything_keeps_is_refused(value):
    with pytest.raises(RuleError, match="no finite number"):
        rules({"r2_score": MetricThreshold(threshold=value, greater_is_better=True)})


def test_mlflows_own_threshold_is_a_rule_too():
    from mlflow.models import MetricThreshold as OfMlflow

    stated = {"threshold": 0.8, "min_absolute_change": 0.1, "min_relative_change": 0.01, "greater_is_better": True}
    ours = rules({"r2_score": MetricThreshold(**stated)})
    assert ours == rules({"r2_score": OfMlflow(**stated)})


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        (lambda: {"r2_score": {"threshold": 1.0}}, "'r2_score' is .* not a MetricThreshold"),
        (lambda: {"r2_score": MetricThreshold(higher_is_better=True)}, "MLflow 3 calls it greater_is_better"),
    ],
)
def test_what_a_user_writes_that_is_no_threshold(stated, sentence):
    with pytest.raises(RuleError, match=sentence):
        rules(stated)


@pytest.mark.parametrize(("ours", "theirs", "passes"), [(0.10, 0.95, False), (0.95, 0.10, True), (0.9, 0.9, True)])
def test_the_compared_metric_has_a_direction(ours, theirs, passes):
    assert judge_against_champion({"r2_score": ours}, {"r2_score": theirs}, TASK.metric("r2_score")).passed is passes


@pytest.mark.parametrize("metric", ["max_error", "bias"])
def test_a_compared_metric_without_intervals_or_direction_is_refused(metric):
    with pytest.raises(RuleError, match=f"compared_metric in .* is '{metric}': choose one of root"):
        compared_metric(with_validation(compared_metric=metric).model)


@pytest.mark.parametrize("greater_is_better", [True, False])
@pytest.mark.parametrize("limits", [{"threshold": 0.5}, {"min_absolute_change": 0.1}, {"min_relative_change": 0.2}])
@pytest.mark.parametrize("ours", [0.3, 0.39, 0.41, 0.5, 0.59, 0.61, float("nan"), float("inf")])
def test_a_rule_holds_where_mlflow_says_so(limits, greater_is_better, ours):
    from mlflow import validate_evaluation_results
    from mlflow.models import MetricThreshold as OfMlflow
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    champion = 0.5
    (rule,) = rules({"m": MetricThreshold(**limits, greater_is_better=greater_is_better)})
    (verdict,) = judge([rule], {"m": ours}, {"m": champion})
    results = [EvaluationResult({"m": value}, artifacts={}) for value in (ours, champion)]
    threshold = OfMlflow(**limits, greater_is_better=greater_is_better)
    try:
        validate_evaluation_results({"m": threshold}, results[0], None if "threshold" in limits else results[1])
        holds = True
    except (ModelValidationFailedException, InvalidOperation):
        holds = False
    assert verdict.passed is (holds and math.isfinite(ours))


def test_a_champion_that_is_gone_does_not_switch_the_comparison_off():
    verdict = judge_against_champion(GOOD, None, RMSE, former=7)
    assert not verdict.passed
    assert "No version holds the alias champion, though version 7 did: launch rollback_job" in verdict.sentence
    assert judge_against_champion(GOOD, None, RMSE, compared=False, former=7).passed


def test_custom_metrics_by_hand():
    measured = {
        metric.name: metric.eval_fn(pd.Series([13.0, 16.0]), pd.Series([10.0, 20.0])) for metric in custom_metrics()
    }
    assert measured == {"absolute_bias": 0.5}


@pytest.mark.filterwarnings("error::FutureWarning")  # by which MLflow deprecates
def test_every_rule_is_about_something_that_is_computed(tmp_path):
    import mlflow

    from mlops_core.adapters.evaluation import evaluated

    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    rows = pd.DataFrame({"fare_amount": [10.0, 20.0, 30.0], "candidate": [10.0, 20.0, 30.0]})
    with mlflow.start_run() as run:
        found = evaluated(
            TASK,
            rows,
            "fare_amount",
            "candidate",
            source=("trips", 7),
            metrics=custom_metrics(),
            config=evaluator_config(),
        )
    assert found["absolute_bias"] == 0.0  # a perfect value is a value
    assert found["root_mean_squared_error"] == 0.0 and found["r2_score"] == 1.0
    assert failed(found) == []
    logged = mlflow.get_run(run.info.run_id)
    assert np.isclose(logged.data.metrics["mean_on_target"], 20)
    assert logged.inputs.dataset_inputs[0].dataset.digest == "trips@7"
