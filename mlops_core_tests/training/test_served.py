"""The features that served, in the place of those that are looked up for training."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import functions as F

from mlops_core.adapters.tables import LocalTables
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.training.served import WAS_SERVED, as_served, event_columns

SCHEMA = pa.schema([("trip", pa.int64()), ("zip", pa.int32()), ("level", pa.float64())])


def test_an_event_with_a_null_key_has_the_features_that_served_it(tables: LocalTables) -> None:
    def frame(*rows: tuple):
        records = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
        return tables.spark.spark_session.createDataFrame(pa.Table.from_pylist(records, SCHEMA))

    rows = frame((1, None, 1.0), (2, 7, 2.0), (3, None, 3.0), (None, None, 4.0))
    served = frame((1, None, 10.0), (2, 7, 20.0), (3, 7, 30.0))
    found = as_served(rows, served, ("trip", "zip"), {"level": F.lit(True)})
    assert found.columns == ["trip", "zip", "level", WAS_SERVED]
    assert sorted(map(tuple, found.collect()), key=lambda row: row[2]) == [
        (3, None, 3.0, False),  # predicted with another key
        (None, None, 4.0, False),
        (1, None, 10.0, True),
        (2, 7, 20.0, True),
    ]


def test_a_key_that_no_version_has_looked_up_by_yet_tells_no_prediction_from_another(tables: LocalTables) -> None:
    predictions = tables.spark.spark_session.createDataFrame(pa.Table.from_pylist([{"trip": 1}], SCHEMA))
    lookups = [
        FeatureLookup("levels", "zip", feature_names="borough", timestamp_lookup_key="at"),
        FeatureLookup("names", ["borough", "carrier"], feature_names="rank"),
    ]
    assert event_columns(predictions, ["trip"], lookups) == ("trip", "zip")
