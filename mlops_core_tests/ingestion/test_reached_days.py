"""Days that are not asked for are those that a full recomputation would not change: the engines themselves say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.features.tables import compute_features
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.arrivals import DaySummaries
from mlops_core.ingestion.changed_days import changed_days
from mlops_core.ingestion.conform import conform
from mlops_core.ingestion.day_ranges import DayRange, Ranges
from mlops_core.ingestion.day_summaries import summarised
from mlops_core.ingestion.days_to_build import BuiltDays, days_to_build
from mlops_core.ingestion.labelled import labelled
from mlops_core.project import Column, ComputedTable, FeatureTable, Project, StaticTable
from mlops_core_tests.fraud import sample
from mlops_core_tests.fraud.orders import CHARGEBACKS, ORDERS
from mlops_core_tests.fraud.project import DECIDED, PLACED, PROJECT, REPORTED

FIRST, LAST = date(2024, 1, 1), date(2024, 3, 10)
SOURCES = {each.name: each.delivered for each in (CHARGEBACKS, ORDERS)}
Raw = Mapping[str, pd.DataFrame]


def amounts(events: DataFrame, *_: object) -> DataFrame:
    """Of a merchant's orders of the 30 hours before noon, what they cost."""
    day = F.explode(F.expr("sequence(to_date(ordered_at), date_add(to_date(ordered_at), 2))")).cast("timestamp")
    timed = events.withColumn("day_after", day).withColumn(
        "ts", F.timestamp_seconds(F.unix_seconds("day_after") + 43_200)
    )
    age = F.unix_seconds("ts") - F.unix_seconds("ordered_at")
    return (
        timed.where((age > 0) & (age <= 30 * 3600))
        .groupBy("merchant", "ts")
        .agg(F.sum(F.expr("CAST(amount * 100 AS BIGINT)")).alias("cents"))
    )


COMPUTED = ComputedTable(
    "merchant_amounts",
    meaning="What orders cost.",
    events=ORDERS.as_they_happen,
    entity={"merchant": "merchant"},
    columns_made=(Column("cents", "bigint", "Cost", "cent"),),
    compute=amounts,
    look_back=timedelta(hours=30),
)
STATIC = StaticTable(
    "last_report",
    meaning="The newest report.",
    events=CHARGEBACKS,
    entity={"merchant": "merchant"},
    passed=("amount_back",),
)
TABLES = (PLACED, DECIDED, REPORTED, COMPUTED, STATIC)


AGES = {PLACED.name: timedelta(hours=1), DECIDED.name: timedelta(days=2), COMPUTED.name: timedelta(hours=30)}
"""How old a row may be that is looked up; of the other tables of any age."""


def looking_up(table: FeatureTable) -> Project:
    """The project with one table."""
    lookup = table.look_up(ORDERS, lookback_window=AGES.get(table.name))
    return replace(PROJECT, feature_tables=(table,), models=(replace(PROJECT.model, lookups=(lookup,)),))


def rows() -> Raw:
    placed = sample.orders(900)
    return {"chargebacks": sample.chargebacks(placed), "orders": placed.drop(columns="is_stolen")}


def edited(raw: Raw, seed: int) -> Raw:
    """A row of one source that is late, corrected or deleted, on a day that chance names."""
    random = np.random.default_rng(seed)
    name = ("chargebacks", "orders")[seed % 2]
    frame, other = raw[name], random.choice(raw[name].index[len(raw[name]) // 3 :])
    if seed % 3 == 0:
        return {**raw, name: frame.drop(index=other)}
    if seed % 3 == 1:
        corrected = frame.copy()
        corrected.loc[other, ["amount"] if name == "orders" else ["is_fraud", "amount_back"]] = 0
        return {**raw, name: corrected}
    late = frame.loc[[other]].copy()
    late["order_id"] += 100_000 if name == "orders" else -1
    return {**raw, name: pd.concat([frame, late], ignore_index=True)}


def features(spark: SparkSession, raw: Raw) -> tuple[dict[str, pd.DataFrame], dict[str, DaySummaries]]:
    """All rows of all tables, made at once, and what the days of the sources hold."""
    read = {name: spark.createDataFrame(frame) for name, frame in raw.items()}
    accepted = {name: accept(SOURCES[name], conform(SOURCES[name], rows))[0] for name, rows in read.items()}
    accepted["orders"] = labelled(ORDERS, accepted["orders"], accepted["chargebacks"])
    made = {
        table.name: compute_features(table, accepted[table.events.name], FIRST, LAST, opens=True).toPandas()
        for table in TABLES
    }
    made["labels"] = accepted["orders"].toPandas()
    return made, {name: summarised(SOURCES[name], rows) for name, rows in read.items()}


def differing(before: pd.DataFrame, after: pd.DataFrame) -> set[date]:
    """By pandas: the days on which the two have other rows."""
    both = pd.concat([frame.astype(str).assign(side=side) for side, frame in enumerate((before, after))])
    columns = [name for name in both if name != "side"]
    once = both.drop_duplicates(columns, keep=False)
    return {date.fromisoformat(day) for day in once["day"].unique()}


def looked_up(project: Project, orders: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """By pandas: the orders with what their look-up finds in the table of these rows."""
    found = orders.sort_values("ordered_at").astype({"ordered_at": "datetime64[ns]"})
    found["day"] = found.ordered_at.dt.date
    age, of_table = project.lookups[0].lookback_window, rows.drop(columns="day").sort_values("ts")
    found = pd.merge_asof(found, of_table, left_on="ordered_at", right_on="ts", by="merchant", tolerance=age)
    return found[found.ordered_at >= pd.Timestamp(FIRST)].drop(columns="ts")


def days_of(ranges: Ranges) -> set[date]:
    return {each.first + timedelta(days=n) for each in ranges for n in range(len(each))}


@pytest.mark.slow
def test_a_full_recomputation_changes_no_other_day(shared_spark: SparkSession) -> None:
    raw = rows()
    made, held = features(shared_spark, raw)
    built = BuiltDays(DayRange(FIRST, LAST), {"fraud": DayRange(FIRST, LAST)})
    for seed in range(12):
        now = edited(raw, seed)
        again, found = features(shared_spark, now)
        changed = {name: changed_days(held[name], found[name]) for name in held}
        assert 1 <= sum(len(each.days) for each in changed.values()) <= 2
        judged = {day for day in differing(made["labels"], again["labels"]) if day >= FIRST}
        for table in TABLES:
            project, place = looking_up(table), (seed, table.name)
            asked = days_to_build(project, changed, built)
            before, after = (of[table.name] for of in (made, again))
            assert differing(before, after) <= days_of(asked.features), place
            sold = [looked_up(project, orders, of) for orders, of in ((raw["orders"], before), (now["orders"], after))]
            assert differing(*sold) <= days_of(asked.predictions["fraud"]), place
            assert judged <= days_of(asked.monitoring["fraud"]), place
