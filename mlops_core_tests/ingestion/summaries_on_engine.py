"""Summaries of the days of departures, from a parquet file, on the Spark that it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from mlops_core_tests.monitoring.engines import write_on_apache


def answers(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Of all days, and of one."""
    from mlops_core.ingestion.day_summaries import summarised
    from mlops_core_tests.adapters.sources.landed import DEPARTURES

    rows = spark.read.parquet(str(folder / "departures.parquet"))
    whole = summarised(DEPARTURES, rows)
    some = summarised(DEPARTURES, rows, [min(whole.days)])
    return {
        name: {str(day): repr(each) for day, each in of.days.items()} for name, of in (("all", whole), ("one", some))
    }


if __name__ == "__main__":
    write_on_apache(answers)
