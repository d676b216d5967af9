"""Fixtures that several test folders share: an in-process Spark and an empty warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables


@pytest.fixture
def tables(tmp_path: Path) -> LocalTables:
    """An empty warehouse with a Spark session of its own."""
    return LocalTables(LocalSpark(tmp_path / "warehouse", "test"))


@pytest.fixture
def spark(tables: LocalTables) -> SparkSession:
    return tables.spark.spark_session
