"""Features may use a label from the time on at which it was known: the leak check proves it of any code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.features.leakage import leakage_violations
from mlops_core.features.tables import compute_features
from mlops_core.ingestion.labelled import labelled
from mlops_core.project import Column, ComputedTable, FeatureTable
from mlops_core_tests.fraud import sample
from mlops_core_tests.fraud.orders import CHARGEBACKS, ORDERS
from mlops_core_tests.fraud.project import DECIDED, PLACED, PROJECT, REPORTED


@pytest.fixture(scope="module")
def accepted(shared_spark: SparkSession) -> dict[str, DataFrame]:
    placed = sample.orders()
    told = sample.chargebacks(placed)
    rows = {
        "orders": _rows(shared_spark, placed, "ordered_at"),
        "chargebacks": _rows(shared_spark, told, "reported_at"),
    }
    rows["orders"] = labelled(ORDERS, rows["orders"], rows["chargebacks"])
    return {name: shared_spark.createDataFrame(each.toArrow()) for name, each in rows.items()}


def _rows(spark: SparkSession, frame: pd.DataFrame, time: str) -> DataFrame:
    events = ORDERS.delivered if time == "ordered_at" else CHARGEBACKS
    rows = spark.createDataFrame(frame.assign(**{time: frame[time].dt.tz_localize("UTC")}))
    typed = (F.col(name).cast(kind).alias(name) for name, kind in events.types.items())
    return rows.select(*typed, F.to_date(time).alias("day"))


def found(accepted: dict[str, DataFrame], table: FeatureTable) -> list[dict[str, object]]:
    """What the check says of forty orders with the newest row of their merchant, looked up by pandas."""
    events = accepted[table.events.name]
    rows = compute_features(table, events, sample.FIRST, sample.LAST).toPandas().drop(columns="day").sort_values("ts")
    asked = accepted["orders"].select("order_id", "ordered_at", "merchant").toPandas()
    asked = asked[asked.ordered_at > "2024-01-20"].sample(40, random_state=0).sort_values("ordered_at")
    made = pd.merge_asof(asked, rows, left_on="ordered_at", right_on="ts", by="merchant").drop(columns="ts")
    utc = made.assign(ordered_at=made.ordered_at.dt.tz_localize("UTC"))
    looked_up = events.sparkSession.createDataFrame(utc)
    for name, (kind, _) in table.feature_columns.items():
        looked_up = looked_up.withColumn(name, F.when(~F.isnan(name), F.col(name)).cast(kind))
    return leakage_violations(replace(PROJECT, feature_tables=(table,)), accepted, looked_up)


@pytest.mark.parametrize("table", [PLACED, DECIDED, REPORTED], ids=lambda table: table.name)
def test_what_waits_for_its_label_passes(accepted: dict[str, DataFrame], table: FeatureTable) -> None:
    assert found(accepted, table) == []


def test_a_label_by_the_time_of_its_event_is_found(accepted: dict[str, DataFrame]) -> None:
    assert found(accepted, replace(DECIDED, at="ordered_at"))


def shares(events: DataFrame, *_: object) -> DataFrame:
    """The share of frauds of each merchant and day, at the next midnight."""
    midnight = F.expr("date_trunc('day', ordered_at) + interval 1 day").alias("ts")
    return events.groupBy("merchant", midnight).agg(F.avg("is_fraud").alias("made"))


COMPUTED = ComputedTable(
    "merchant_shares",
    meaning="Frauds of a merchant yesterday.",
    events=ORDERS,
    entity={"merchant": "merchant"},
    columns_made=(Column("made", "double", "Share of frauds"),),
    compute=shares,
    look_back=timedelta(days=2),
)


def test_so_is_one_that_code_of_the_project_uses(accepted: dict[str, DataFrame]) -> None:
    assert found(accepted, COMPUTED)


def test_orders_as_they_happen_have_no_label(accepted: dict[str, DataFrame]) -> None:
    """Otherwise nothing would show that it is known late: as they happen, orders are known at once."""
    with pytest.raises(Exception, match="is_fraud"):
        found(accepted, replace(COMPUTED, events=ORDERS.as_they_happen))
