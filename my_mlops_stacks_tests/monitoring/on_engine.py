"""The monitor tables and the rules' answers from parquet files, on whatever Spark session it is given.

`python -m my_mlops_stacks_tests.monitoring.on_engine FOLDER` does it on Apache Spark and writes `FOLDER/apache.json`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from mlops_core_tests.monitoring.engines import rows_of, write_on_apache

FIRST, LAST = date(2016, 2, 15), date(2016, 2, 18)
RULES = (
    ("root_mean_squared_error", 2.0, 0.5),
    ("r2_score", 0.999, 0.5),
    ("bias", 0.5, 0.5),
    ("root_mean_squared_error", 2.0, 0.8),
)
"""Metric, threshold and coverage: each direction, and a coverage that one day does not have."""


def answers(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Every row of both tables, and what the three rules say of them."""
    from mlops_core.monitoring.bins import bins_of
    from mlops_core.monitoring.drift import drift_metrics, versions_of
    from mlops_core.monitoring.drift_rule import comparisons_of, newest_drift
    from mlops_core.monitoring.judged_windows import AsOf, windows_of
    from mlops_core.monitoring.label_rule import newest_windows
    from mlops_core.monitoring.labels import with_labels
    from mlops_core.monitoring.profile import profile_metrics
    from mlops_core.monitoring.violation import ViolationRule
    from my_mlops_stacks.project import PROJECT

    trips, predictions = (spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("trips", "predictions"))
    labelled = with_labels(predictions, trips, PROJECT, FIRST, LAST)
    bins = {version: bins_of(predictions.toPandas(), PROJECT) for version in versions_of(predictions)}
    profile = profile_metrics(predictions, labelled, PROJECT)
    drift = drift_metrics(predictions, labelled, bins, FIRST)
    as_of = AsOf(datetime(2016, 3, 1, tzinfo=UTC))
    task = PROJECT.model.task
    rules = [
        ViolationRule(task.monitor_metric(metric), "", threshold, 3, 2, minimum_coverage=coverage, minimum_count=10)
        for metric, threshold, coverage in RULES
    ]
    read = {rule.metric.name: windows_of(profile, rule.metric, as_of.now) for rule in rules}
    windows = read["root_mean_squared_error"]
    newest = newest_windows(windows, as_of, 5)
    return {
        "profile": rows_of(profile),
        "drift": rows_of(drift),
        "violations": [
            [found.violated, found.reason, found.model_id, list(found.values)]
            for found in (rule.evaluate(read[rule.metric.name], as_of) for rule in rules)
        ],
        "drifted": newest_drift(comparisons_of(drift, FIRST), windows, as_of, 10, "fare_amount").reason,
        "coverage": dict(newest.coverage),
        "newest": str(newest.last_prediction_time),
    }


if __name__ == "__main__":
    write_on_apache(answers)
