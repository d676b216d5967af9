"""The monitor tables of a classification, and its metrics by day, from parquet files, on the Spark that it is given."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from mlops_core_tests.monitoring.engines import rows_of, write_on_apache

FIRST, LAST = date(2013, 1, 28), date(2013, 2, 6)


def answers(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Every row of both tables, and each metric by day."""
    from mlops_core.monitoring.bins import bins_of
    from mlops_core.monitoring.drift import drift_metrics, versions_of
    from mlops_core.monitoring.judged_windows import as_numbers, windows_of
    from mlops_core.monitoring.labels import with_labels
    from mlops_core.monitoring.profile import profile_metrics
    from mlops_core_tests.flights.project import PROJECT
    from mlops_core_tests.flights.task import LATE

    events, predictions = (spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("flights", "predictions"))
    labelled = with_labels(predictions, events, PROJECT, FIRST, LAST)
    bins = {version: bins_of(predictions.toPandas(), PROJECT) for version in versions_of(predictions)}
    profile = profile_metrics(predictions, labelled, PROJECT)
    now = datetime(2013, 3, 2, tzinfo=UTC)
    return {
        "profile": rows_of(profile),
        "numbers": rows_of(as_numbers(profile, LATE)),
        "drift": rows_of(drift_metrics(predictions, labelled, bins, FIRST)),
        "values": [
            [str(window.day), window.model_id, window.value]
            for metric in LATE.judged
            for window in windows_of(profile, metric, now)
        ],
    }


if __name__ == "__main__":
    write_on_apache(answers)
