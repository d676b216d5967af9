"""The days of a source have the same summaries on Sail and on Apache Spark, whatever its columns are."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from mlops_core_tests.adapters.sources.landed import SCHEMA
from mlops_core_tests.ingestion.summaries_on_engine import answers
from mlops_core_tests.monitoring.engines import asked_on_apache, assert_same

LEAVES = datetime(2013, 3, 9, 23, 50)


def rows() -> pa.Table:
    """Nulls, numbers that are none, texts beyond ASCII, times that no date of Python holds."""
    day = timedelta(days=1)
    listed = [
        (1, LEAVES, LEAVES + day, "AA", "N007", date(2013, 1, 5), True, 189, 0.75, -3.5, False),
        (2, LEAVES + day, None, "", None, None, False, None, None, None, None),
        (3, LEAVES + day, LEAVES + 2 * day, "Zürich ✈", "", date(1, 1, 1), True, -1, float("nan"), float("inf"), True),
        (
            4,
            LEAVES + 2 * day,
            datetime(9999, 12, 31),
            "x" * 200,
            "'",
            date(9999, 12, 31),
            True,
            2**31 - 1,
            -0.0,
            0.0,
            True,
        ),
        (5, datetime(1, 1, 1), None, "AA", None, None, True, 1, 1.0, 1.0, None),
        (6, None, LEAVES, "AA", None, None, True, 1, 1.0, 1.0, None),
    ]
    columns = list(zip(*listed, *[listed[0]] * 3, strict=True))
    return pa.table([pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")
def test_sail_and_apache_spark_agree(shared_spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(rows(), tmp_path / "departures.parquet", coerce_timestamps="us")
    on_sail = answers(shared_spark, tmp_path)
    assert len(on_sail["all"]) == 3
    assert_same(on_sail, asked_on_apache("mlops_core_tests.ingestion.summaries_on_engine", tmp_path))
