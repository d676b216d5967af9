"""The monitor tables of classifications, and their metrics by day, from parquet files, on the Spark it is given."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from mlops_core.project import Project
from mlops_core_tests.monitoring.engines import rows_of, write_on_apache

MOST_JUDGED = 13
FIRST, LAST = date(2013, 1, 28), date(2013, 2, 6)


def answers(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Every row of both tables, and each metric by day."""
    from mlops_core_tests.flights.project import PROJECT
    from mlops_core_tests.monitoring.test_classes import QUOTED, as_events, as_predictions, declared

    events, predictions = (spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("flights", "predictions"))
    classes, labels = as_predictions(predictions, QUOTED), as_events(events, QUOTED)
    return {
        **_tables(PROJECT, predictions, events, "binary"),
        **_tables(declared(QUOTED), classes, labels, "multiclass"),
    }


def _tables(project: Project, predictions: DataFrame, events: DataFrame, name: str) -> dict[str, Any]:
    from mlops_core.monitoring.bins import bins_of
    from mlops_core.monitoring.drift import drift_metrics, versions_of
    from mlops_core.monitoring.judged_windows import as_numbers, windows_of
    from mlops_core.monitoring.labels import with_labels
    from mlops_core.monitoring.profile import profile_metrics

    labelled, task = with_labels(predictions, events, project, FIRST, LAST), project.model.task
    bins = {version: bins_of(predictions.toPandas(), project) for version in versions_of(predictions)}
    profile = profile_metrics(predictions, labelled, project)
    now = datetime(2013, 3, 2, tzinfo=UTC)
    return {
        f"{name} profile": rows_of(profile),
        f"{name} numbers": rows_of(as_numbers(profile, task)),
        f"{name} drift": rows_of(drift_metrics(predictions, labelled, bins, FIRST)),
        f"{name} values": [
            [str(window.day), window.model_id, window.value]
            for metric in task.judged[:MOST_JUDGED]  # of several classes, those of the first
            for window in windows_of(profile, metric, now)
        ],
    }


if __name__ == "__main__":
    write_on_apache(answers)
