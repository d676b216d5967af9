"""The monitor tables and the rules' answers from parquet files, on whatever Spark session it is given.

`python -m my_mlops_stacks_tests.monitoring.on_engine FOLDER` does it on Apache Spark and writes `FOLDER/apache.json`.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

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
        "profile": _rows(profile),
        "drift": _rows(drift),
        "violations": [
            [found.violated, found.reason, found.model_id, list(found.values)]
            for found in (rule.evaluate(read[rule.metric.name], as_of) for rule in rules)
        ],
        "drifted": newest_drift(comparisons_of(drift, FIRST), windows, as_of, 10, "fare_amount").reason,
        "coverage": dict(newest.coverage),
        "newest": str(newest.last_prediction_time),
    }


def _rows(frame: DataFrame) -> list[list[Any]]:
    rows = [[_plain(value) for value in row] for row in frame.collect()]
    return sorted(rows, key=lambda row: json.dumps([value for value in row if not isinstance(value, float)]))


def _plain(value: Any) -> Any:
    if hasattr(value, "asDict"):
        return {name: _plain(inner) for name, inner in value.asDict().items()}
    if isinstance(value, (date, datetime)):
        return str(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def main() -> None:
    folder = Path(sys.argv[1])
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = (
        builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2").getOrCreate()
    )
    (folder / "apache.json").write_text(json.dumps(answers(spark, folder)))


if __name__ == "__main__":
    main()
