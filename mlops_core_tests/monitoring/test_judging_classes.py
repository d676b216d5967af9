"""A classification is judged, and retrained, by any metric that it declares; what labels do not determine is null."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.config import load_target
from mlops_core.config.errors import TargetError
from mlops_core.monitoring.judged_windows import AsOf, Window, windows_of
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from mlops_core.monitoring.violation import ViolationRule
from mlops_core.tasks import BinaryClassification, Decision, MulticlassClassification, Regression
from mlops_core_tests.flights.project import PROJECT
from mlops_core_tests.flights.sample import FIRST, LAST
from mlops_core_tests.flights.task import LATE

NOW = AsOf(datetime(2013, 3, 2, tzinfo=UTC))
COSTLY = BinaryClassification(decision=Decision(false_alarm=1, miss=5))


def rule(metric: str, threshold: float) -> ViolationRule:
    return ViolationRule(LATE.monitor_metric(metric), "", threshold, 5, 2, minimum_coverage=0.5, minimum_count=10)


def read(stored: DataFrame, metric: str) -> list[Window]:
    return windows_of(stored, LATE.monitor_metric(metric), NOW.now)


@pytest.fixture(scope="session")
def stored(predictions: DataFrame, flight_events: DataFrame) -> DataFrame:
    labelled = with_labels(predictions, flight_events, PROJECT, FIRST, LAST)
    return profile_metrics(predictions, labelled, PROJECT)


@pytest.mark.parametrize("metric", [metric.name for metric in LATE.judged])
def test_a_day_is_judged_by_every_metric_on_its_bad_side(stored, metric):
    values = list(rule(metric, 0.0).evaluate(read(stored, metric), NOW).values.values())
    assert len(values) == 5 and all(isinstance(value, float) for value in values)
    direction = LATE.monitor_metric(metric).direction
    good, bad = {
        "above": (max(values), min(values) - 0.01),
        "below": (min(values), max(values) + 0.01),
        "away from zero beyond": (max(map(abs, values)), min(map(abs, values)) - 0.01),
    }[direction]
    assert not rule(metric, good).evaluate(read(stored, metric), NOW).violated
    found = rule(metric, bad).evaluate(read(stored, metric), NOW)
    assert found.violated
    assert f"{metric} is {direction} {bad:g} in 5 of the last 5 days" in found.reason


def test_the_class_that_is_judged_is_the_positive_one(stored, profile):
    (newest, value), *_ = rule("precision", 0.5).evaluate(read(stored, "precision"), NOW).values.items()
    days = profile[profile["slice_key"].isna() & (profile["column_name"] == ":table")].set_index("day")
    assert value == dict(days.loc[date.fromisoformat(newest), "precision"]["one_vs_all"])["1"]


@pytest.mark.parametrize("metric", ["confusion_matrix", "root_mean_squared_error", "nope"])
def test_a_metric_that_judges_no_day_is_refused_with_the_choices(metric):
    sentence = f"no day of a BinaryClassification is judged by '{metric}': choose one of accuracy_score, precision, "
    with pytest.raises(ValueError, match=sentence):
        LATE.monitor_metric(metric)


def test_a_target_that_monitors_another_metric_is_refused_where_it_says_so(tmp_path):
    bundle = PROJECT.folder / "databricks.yml"
    text = bundle.read_text(encoding="utf-8")
    assert "metric_to_monitor: log_loss" in text
    bad = text.replace("metric_to_monitor: log_loss", "metric_to_monitor: r2_score")
    (tmp_path / "databricks.yml").write_text(bad, encoding="utf-8")
    with pytest.raises(TargetError, match=r"metric_to_monitor is 'r2_score', but no day of a BinaryClassification"):
        load_target(PROJECT, "local", environ={}, folder=tmp_path)


def of_one_class(events: DataFrame, label: str) -> DataFrame:
    return events.withColumn("late", F.expr(f"CAST({label} AS int)"))


@pytest.mark.parametrize(
    ("label", "undetermined"),
    [
        ("0", {"roc_auc", "average_precision", "recall"}),
        ("1", {"roc_auc"}),
        ("NULL", {metric.name for metric in LATE.judged}),
    ],
)
def test_what_the_labels_do_not_determine_is_null(predictions, flight_events, label, undetermined):
    labelled = with_labels(predictions, of_one_class(flight_events, label), PROJECT, FIRST, LAST)
    found = profile_metrics(predictions, labelled, PROJECT)
    (row,) = (
        found.where(f"slice_key IS NULL AND column_name = ':table' AND day = DATE'{FIRST}'")
        .selectExpr(*(f"{metric.number} AS {metric.name}" for metric in LATE.judged))
        .collect()
    )
    assert {name for name, value in row.asDict().items() if pd.isna(value)} == undetermined


@pytest.mark.parametrize("task", [Regression(), COSTLY, MulticlassClassification(classes=("x", "of y", "of z"))])
def test_the_docs_list_the_metrics_that_days_are_judged_by(task):
    text = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{type(task).__name__}`")]
    judged = [metric for metric in task.judged if not metric.name.endswith(("_of_y", "_of_z"))]
    said = [part.strip() for part in row.split("|")[2].split(";")]
    for metric, where in ((metric, [part for part in said if f"`{metric.name}`" in part]) for metric in judged):
        (part,) = where
        assert {"above": "above", "below": "below", "away from zero beyond": "from zero"}[metric.direction] in part
    assert set(re.findall(r"`(\w+)`", row)) - {"x"} == {type(task).__name__, *(each.name for each in judged)}
