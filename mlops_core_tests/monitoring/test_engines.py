"""The monitor tables of a classification are the same on Sail and on Apache Spark."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core_tests.monitoring.engines import asked_on_apache, assert_same
from mlops_core_tests.monitoring.on_engine import answers


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")
def test_sail_and_apache_spark_agree(
    shared_spark: SparkSession, flight_events: DataFrame, predictions: DataFrame, tmp_path: Path
) -> None:
    second = predictions.where("day > '2013-02-03'").selectExpr(
        *(name for name in predictions.columns if name not in ("model_version", "prediction", "carrier")),
        "CASE WHEN carrier = 'AA' THEN NULL ELSE carrier END AS carrier",
        "CASE WHEN flight_id % 50 = 0 THEN NULL ELSE 1 - prediction END AS prediction",
        "2 AS model_version",
    )
    for name, frame in (("flights", flight_events), ("predictions", predictions.unionByName(second))):
        frame.write.parquet(str(tmp_path / f"{name}.parquet"))
    on_apache = asked_on_apache("mlops_core_tests.monitoring.on_engine", tmp_path)
    assert_same(answers(shared_spark, tmp_path), on_apache)
