"""Names with dashes, backticks and other letters: read by both engines' parsers as the names that they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.sources.unity_catalog_source import UnityCatalogSource
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.sql_names import quoted, quoted_path
from mlops_core.adapters.tables import LocalTables
from mlops_core.ingestion.times import EventTimes
from my_mlops_stacks.ingestion.trips import TRIPS

NAMES = ["plain", "fares-dev", "2016", "order", "o`app", "``", "jané", 'a"b', "a+b,c(d)", "select"]

PARSED = """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
parser = spark._jsparkSession.sessionState().sqlParser()
for name in json.loads(sys.argv[1]):
    parts = parser.parseMultipartIdentifier(name)
    print(json.dumps([parts.apply(number) for number in range(parts.size())]))
"""


def test_every_name_is_between_backticks() -> None:
    assert quoted("fares-dev") == "`fares-dev`"
    assert quoted("a`b", "c") == "`a``b`.`c`"
    assert quoted_path("fares-dev.app.trips") == "`fares-dev`.`app`.`trips`"


@pytest.mark.slow
def test_apache_spark_reads_the_names_that_were_quoted() -> None:
    names = [quoted(one, other, "trips") for one in NAMES for other in NAMES]
    environment = {key: value for key, value in os.environ.items() if key != "SPARK_CONNECT_MODE_ENABLED"}
    command = [sys.executable, "-c", PARSED, json.dumps(names)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    parsed = [json.loads(line) for line in done.stdout.splitlines()]
    assert parsed == [[one, other, "trips"] for one in NAMES for other in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_sail_reads_the_name_that_was_quoted(tables: LocalTables, name: str) -> None:
    session = tables.spark.spark_session
    session.sql(f"CREATE SCHEMA {quoted(name)}")
    assert session.catalog.databaseExists(quoted(name))
    assert session.sql(f"SELECT 1 AS {quoted(name)}").columns == [name]


@pytest.fixture
def dashed(tmp_path: Path) -> LocalTables:
    return LocalTables(LocalSpark(tmp_path / "warehouse", "fares-2016"))


def rows_of(tables: LocalTables, name: str) -> list[dict]:
    return tables.read(name).toPandas().sort_values("zip").to_dict("records")


def test_local_tables_of_a_schema_with_a_dash(dashed: LocalTables) -> None:
    session = dashed.spark.spark_session
    dashed.replace("trips", session.createDataFrame([(1, 5.0), (2, 7.0)], "zip int, fare double"), None, ["zip"])
    dashed.replace(
        "trips", session.createDataFrame([(2, 8.0, "x")], "zip int, fare double, `a-b` string"), "zip = 2", ["zip"]
    )
    assert [(row["zip"], row["fare"], row["a-b"]) for row in rows_of(dashed, "trips")] == [
        (1, 5.0, None),
        (2, 8.0, "x"),
    ]
    again = LocalTables(LocalSpark(dashed.spark.warehouse, dashed.spark.schema))
    assert again.read("trips").count() == 2
    times = EventTimes(TRIPS, "wall_clock")
    assert UnityCatalogSource(again.spark, again.full_name("trips"), times).read().count() == 2
    again.spark.forget("trips")


def test_the_feature_store_of_a_schema_with_a_dash(dashed: LocalTables, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    store = LocalFeatureStore(dashed, ModelRegistry("m", "e", uri, uri, ""))
    session = dashed.spark.spark_session
    frame = pd.DataFrame({"zip": [1, 2], "fare": [5.0, 7.0]})
    store.create_table(name="features", primary_keys="zip", df=session.createDataFrame(frame))
    store.write_table(name="fares-2016.features", df=session.createDataFrame(pd.DataFrame({"zip": [2], "fare": [9.0]})))
    assert rows_of(dashed, "features") == [{"zip": 1, "fare": 5.0}, {"zip": 2, "fare": 9.0}]
    store.drop_table(name="features")
