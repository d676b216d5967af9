"""A candidate is worth more than a constant, and its looked-up features do no harm beyond chance; a report says so."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from scipy import stats

from mlops_core.project import Project
from mlops_core.tasks import Regression
from mlops_core.validation.baseline_rules import Baselines, baseline_rules, judge_baselines
from mlops_core.validation.comparison import compare, difference
from mlops_core.validation.report import Facts, report
from mlops_core.validation.verdict import Verdict
from mlops_core_tests.flights.project import MODEL, PROJECT, project_of
from mlops_core_tests.tasks.test_metrics import both

BASE = Baselines(0.65, 0.60, (-0.02, -0.03, -0.01))
LATE = MODEL.task
LOG_LOSS = LATE.metric("log_loss")
CHANGES = {
    "better": (-0.02, -0.03, -0.01),
    "chance": (0.01, -0.01, 0.03),
    "worse": (0.02, 0.01, 0.03),
    "unknown": (0.02, math.nan, math.nan),
}
SAID = {
    "better": "they help by 0.02 in Log loss (95%: 0.01 to 0.03)",
    "chance": "they make no difference that this hold-out could show (Log loss +0.01, 95%: -0.01 to +0.03): look at "
    "how many events their windows hold",
    "worse": "they harm by 0.02 in Log loss (95%: 0.01 to 0.03); look at what they are made of",
    "unknown": "they make a difference (Log loss +0.02) that so few hours can't tell from chance",
}


def verdicts(candidate: float = 0.58, baselines: Baselines = BASE, project=PROJECT) -> dict[str, Verdict]:
    return {verdict.rule: verdict for verdict in judge_baselines(project, candidate, baselines)}


def switched(**off: object) -> Project:
    """The project with other options of its validation."""
    return replace(PROJECT, models=(replace(MODEL, validation=replace(MODEL.validation, **off)),))


@pytest.mark.parametrize(("candidate", "passes"), [(0.64, True), (0.65, False), (0.66, False), (math.nan, False)])
def test_a_candidate_that_does_not_beat_the_constant_fails(candidate, passes):
    found = verdicts(candidate)["candidate_beats_constant"]
    assert (found.passed, found.bound) == (passes, 0.65)
    assert f"log_loss is {candidate:.4g} for the candidate and 0.65 for the best constant" in found.sentence


@pytest.mark.parametrize("change", CHANGES)
def test_features_fail_a_candidate_only_when_they_make_it_worse_beyond_chance(change):
    found = verdicts(baselines=replace(BASE, change=CHANGES[change]))["features_do_no_harm"]
    assert found.passed is (change != "worse")
    assert SAID[change] in found.sentence
    assert f"log_loss is {0.6 + CHANGES[change][0]:.4g} with and 0.6 without looked-up features" in found.sentence


def test_where_more_is_better_less_is_worse():
    by_auc = switched(compared_metric="roc_auc")
    for change in ("better", "worse"):
        found = verdicts(0.72, Baselines(0.5, 0.7, _flipped(change)), by_auc)
        passed = {rule: verdict.passed for rule, verdict in found.items()}
        assert passed == {"candidate_beats_constant": True, "features_do_no_harm": change == "better"}
        assert SAID[change].split(" by ")[0] in found["features_do_no_harm"].sentence


def _flipped(change: str) -> tuple[float, float, float]:
    value, low, high = CHANGES[change]
    return -value, -high, -low


def test_what_no_training_measured_is_no_pass():
    found = verdicts(baselines=Baselines.of("log_loss", {}))
    assert not any(verdict.passed for verdict in found.values())
    assert all("was not measured by the training of this version" in verdict.sentence for verdict in found.values())


def test_a_run_keeps_what_was_measured():
    for baselines in (BASE, Baselines(0.65), replace(BASE, change=CHANGES["unknown"]), replace(BASE, rows=100_000.0)):
        assert str(Baselines.of("log_loss", baselines.metrics("log_loss"))) == str(baselines)
    assert BASE.metrics("log_loss")["log_loss_of_constant"] == 0.65
    assert BASE.metrics("log_loss")["log_loss_without_features"] == 0.60


def test_the_effect_of_features_has_the_unit_of_the_label_and_says_when_it_is_of_a_sample():
    error = Regression().metric("root_mean_squared_error")
    effect = Baselines(10.0, 3.5, (-0.1234, -0.19, -0.051), 100_000.0)
    assert effect.conclusion(error, "USD") == (
        "help by 0.12 USD in RMSE (95%: 0.051 to 0.19), of models of a sample of 100,000 rows"
    )
    assert replace(effect, change=(0.041, -0.02, 0.11), rows=math.nan).conclusion(error, "USD") == (
        "make no difference that this hold-out could show (RMSE +0.041 USD, 95%: -0.02 to +0.11): look at how many "
        "events their windows hold"
    )


def test_each_rule_can_be_switched_off_and_one_about_features_needs_some():
    assert set(baseline_rules(PROJECT)) == {"candidate_beats_constant", "features_do_no_harm"}
    assert set(verdicts(project=switched(beats_constant=False))) == {"features_do_no_harm"}
    assert set(verdicts(project=switched(features_do_no_harm=False))) == {"candidate_beats_constant"}
    assert set(verdicts(project=project_of())) == {"candidate_beats_constant"}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Flights, one an hour, and two models of them."""
    random = np.random.default_rng(0)
    chance = random.uniform(0.05, 0.95, 400)
    return pd.DataFrame(
        {
            "scheduled_departure": pd.date_range("2013-02-01", periods=400, freq="h"),
            "origin": random.choice(["A|B <img src=x onerror=y> [z](javascript:z)", "JFK"], 400),
            "distance": random.integers(100, 3_000, 400),
            "late": (random.random(400) < chance).astype(int),
            "candidate": chance,
            "champion": np.clip(chance + random.normal(0, 0.2, 400), 0.02, 0.98),
        }
    )


def test_the_difference_of_two_models_has_the_interval_of_scipy(rows):
    from sklearn.metrics import log_loss

    value, low, high = difference(LATE, LOG_LOSS, rows, label="late", event_time="scheduled_departure")
    assert value == pytest.approx(log_loss(rows.late, rows.candidate) - log_loss(rows.late, rows.champion))

    def per_row(predicted: pd.Series) -> np.ndarray:
        return -np.where(rows.late == 1, np.log(predicted), np.log(1 - predicted))

    changes = per_row(rows.candidate) - per_row(rows.champion)
    expected = stats.bootstrap((changes,), np.mean, method="percentile", n_resamples=4_000, rng=0).confidence_interval
    width = expected.high - expected.low
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.1 * width)


def test_a_few_hours_have_no_interval(rows):
    value, low, high = difference(LATE, LOG_LOSS, rows.head(9), label="late", event_time="scheduled_departure")
    assert math.isfinite(value) and math.isnan(low) and math.isnan(high)


def test_the_report_says_what_the_simpler_predictors_say_and_breaks_no_table(rows):
    comparison = compare(rows, both(LATE), MODEL.slices, label="late", event_time="scheduled_departure")
    facts = Facts("late_model", 3, 2, "passed", "2013-02-01", 400, "flights", {"flights": 4}, {"candidate": ["a"]})
    judged = list(judge_baselines(PROJECT, 0.58, replace(BASE, change=CHANGES["chance"])))
    text = report(facts, judged, comparison, "e.png", metric=LOG_LOSS, slices=MODEL.slices)
    assert "# late_model version 3 against champion version 2: passed" in text
    assert "400 held-out flights since 2013-02-01" in text
    for verdict in judged:
        assert f"- {verdict.sentence}.\n" in text
    assert SAID["chance"] in text
    segment = next(line for line in text.splitlines() if "A\\|B" in line)
    heads = next(line for line in text.splitlines() if line.startswith("| airport |"))
    assert segment.replace("\\|", "").count("|") == heads.count("|")
    assert "{{" not in text and "{%" not in text
    shown = MarkdownIt("js-default", {"html": True}).render(text)
    assert "A|B &lt;img src=x onerror=y&gt; [z](javascript:z)" in shown
    assert re.findall("<(?:img|a) [^>]*", shown) == ['<img src="e.png" alt="Errors by segment"']


def test_a_first_model_without_features_has_a_report_too(rows):
    alone = rows.drop(columns="champion")
    comparison = compare(alone, both(LATE), (), label="late", event_time="scheduled_departure")
    facts = Facts("late_model", 1, None, "passed", "2013-02-01", 400, "flights", {"flights": 4}, {"candidate": []})
    text = report(facts, [], comparison, "e.png", metric=LOG_LOSS, slices=())
    assert "against no champion" in text and "The candidate looked up: nothing." in text
    assert "Simpler predictors" not in text


def test_metrics_of_a_run_are_floats_as_dagster_and_mlflow_take_them() -> None:
    found = Baselines(2, 1.5, (0.1, 0.0, 0.2), 100_000).metrics("log_loss")
    assert found["rows_of_features_comparison"] == 100_000
    assert {type(value) for value in found.values()} == {float}
