"""Labels of another table, against pandas: whose they are, which of several counts, and when none came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.ingestion.columns import accepted_columns
from mlops_core.ingestion.label_quality import EARLY, LATE, MET, WITHOUT, meetings
from mlops_core.ingestion.labelled import labelled
from mlops_core.project import Column, EventTable, Label
from mlops_core_tests.fraud.orders import CHARGEBACKS, ORDERS, WITHIN

LABEL = ORDERS.label_source
assert LABEL is not None
TOLD = replace(ORDERS, label=replace(LABEL, absent=None))


def orders(count: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(0)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 40 * 86_400, count)), unit="s")
    return pd.DataFrame(
        {
            "order_id": np.arange(count),
            "ordered_at": at.astype("datetime64[us]"),
            "merchant": random.choice(["a", "b", "c"], count),
            "amount": random.gamma(2, 20, count).round(2),
        }
    )


def chargebacks(placed: pd.DataFrame) -> pd.DataFrame:
    """Of some orders one or two, at random times from before the order to long after; none in some days."""
    random = np.random.default_rng(1)
    some = placed.sample(260, replace=True, random_state=2)
    after = pd.to_timedelta(random.integers(-86_400, 14 * 86_400, len(some)), unit="s")
    told = pd.DataFrame(
        {
            "order_id": some.order_id.where(random.random(len(some)) > 0.05, 10**6).to_numpy(),
            "merchant": some.merchant.to_numpy(),
            "reported_at": (some.ordered_at + after).astype("datetime64[us]").to_numpy(),
            "is_fraud": random.integers(0, 2, len(some)),
            "amount_back": some.amount.mask(random.random(len(some)) < 0.1).to_numpy(),
        }
    ).drop_duplicates(["order_id", "reported_at"])
    on_file = ~told.reported_at.dt.day.isin((9, 10, 21)) & (told.reported_at < "2024-02-12 12:00")
    return told[on_file].reset_index(drop=True)


PLACED = orders()
CHARGED = chargebacks(PLACED)


def as_rows(spark: SparkSession, events: EventTable, frame: pd.DataFrame) -> DataFrame:
    rows = frame.assign(**{name: frame[name].dt.tz_localize("UTC") for name in frame.select_dtypes("datetime")})
    typed = (F.col(name).cast(kind).alias(name) for name, kind in events.delivered.types.items())
    return spark.createDataFrame(rows).select(*typed, F.to_date(events.event_time).alias("day"))


def joined(spark: SparkSession, events: EventTable, told: str = "2100-01-01") -> pd.DataFrame:
    """The orders with the chargebacks that were reported before `told`."""
    labels = as_rows(spark, CHARGEBACKS, CHARGED).where(F.col("reported_at") < F.lit(str(told)).cast("timestamp"))
    made = labelled(events, as_rows(spark, events, PLACED), labels)
    assert made.dtypes == [(name, kind) for name, (kind, _) in accepted_columns(events).items()]
    found = made.toPandas().sort_values("order_id", ignore_index=True)
    return found.astype({"is_fraud": "float64", "label_known_at": "datetime64[us]"})


def last_told(told: pd.DataFrame) -> pd.DataFrame:
    """Each order with the chargeback that counts, by pandas."""
    pairs = PLACED.merge(told.drop(columns="merchant"), "left", on="order_id")
    took = pairs.reported_at - pairs.ordered_at
    pairs = pairs[(took > pd.Timedelta(0)) & (took <= WITHIN)].sort_values(["order_id", "reported_at"])
    return PLACED.merge(
        pairs.groupby("order_id").tail(1).drop(columns=["ordered_at", "merchant", "amount"]), "left", "order_id"
    )


def same(found: pd.Series, expected: pd.Series) -> None:
    pd.testing.assert_series_equal(found, expected, check_names=False, check_dtype=False)


def test_the_row_that_was_known_last_within_the_days_counts(shared_spark: SparkSession) -> None:
    found, expected = joined(shared_spark, TOLD), last_told(CHARGED)
    assert len(found) == len(PLACED) and 50 < found.is_fraud.notna().sum() < 300
    same(found.is_fraud, expected.is_fraud)
    same(found.label_known_at, expected.reported_at)
    same(found.amount_back, expected.amount_back)


def test_without_a_row_the_label_is_the_absent_one_from_the_next_day_of_labels_on(shared_spark: SparkSession) -> None:
    found, expected = joined(shared_spark, ORDERS), last_told(CHARGED)
    first_of_day = CHARGED.groupby(CHARGED.reported_at.dt.date).reported_at.min()
    deadlines = (PLACED.ordered_at + WITHIN).dt.date
    later = [first_of_day[first_of_day.index > day] for day in deadlines]
    decided = pd.Series([each.iloc[0] if len(each) else pd.NaT for each in later]).astype("datetime64[us]")
    same(found.label_known_at, decided)
    same(found.is_fraud, expected.is_fraud.fillna(0).where(decided.notna()))
    same(found.amount_back, expected.amount_back.where(decided.notna()))
    assert 0 < decided.isna().sum() < len(PLACED) / 2 and (found.label_known_at > PLACED.ordered_at + WITHIN).any()


@pytest.mark.parametrize("events", [ORDERS, TOLD], ids=["absent", "told"])
def test_what_was_labelled_stays_so_while_labels_come_in_order(shared_spark: SparkSession, events: EventTable) -> None:
    """Of each day of labels the rows as of its end, and as of the end of all, for what was known by then."""
    whole = joined(shared_spark, events)
    for end in ("2024-01-12", "2024-01-24", "2024-02-05"):
        early = joined(shared_spark, events, end)
        known = early.label_known_at.notna()
        assert (early.label_known_at[known] < end).all()
        if events is ORDERS:
            same(early.label_known_at, whole.label_known_at.where(whole.label_known_at < end))
            same(early.is_fraud, whole.is_fraud.where(whole.label_known_at < end))
        else:  # a correction takes the place of what it corrects
            assert (whole.label_known_at[known] >= early.label_known_at[known]).all()


def test_without_any_label_none_is_known(shared_spark: SparkSession) -> None:
    for events in (ORDERS, TOLD):
        found = joined(shared_spark, events, "2000-01-01")
        assert len(found) == len(PLACED) and found[["is_fraud", "label_known_at"]].isna().all(axis=None)


def test_a_label_goes_by_any_column_of_the_event(shared_spark: SparkSession) -> None:
    """Whether a merchant closed within ten days of an order: one closing is the label of many orders, or of none."""
    closings = EventTable(
        "closings",
        columns=(Column("shop", "string", "Who closes"), Column("closed_at", "timestamp", "When"), LABEL_COLUMN),
        event_time="closed_at",
        known_at="closed_at",
        identity=("shop", "closed_at"),
        time_zone="UTC",
        longest=timedelta(days=1),
    )
    label = Label(closings, "closed", key={"shop": "merchant"}, within=WITHIN, absent=0)
    told = pd.DataFrame(
        {"shop": ["a", "b", "z"], "closed_at": pd.to_datetime(["2024-01-15", "2024-01-20", "2024-03-01"]), "closed": 1}
    )
    rows = as_rows(shared_spark, ORDERS, PLACED)
    found = labelled(replace(ORDERS, label=label), rows, as_rows(shared_spark, closings, told)).toPandas()
    found = found.sort_values("order_id", ignore_index=True)
    closed = PLACED.merchant.map({"a": pd.Timestamp("2024-01-15"), "b": pd.Timestamp("2024-01-20")})
    same(found.closed, ((closed > PLACED.ordered_at) & (closed <= PLACED.ordered_at + WITHIN)).astype(int))
    counted = meetings(replace(ORDERS, label=label), label, rows, as_rows(shared_spark, closings, told))
    assert counted.labels == {MET: 2, WITHOUT: 1} and counted.problem == ""


LABEL_COLUMN = Column("closed", "int", "1 when it closed")


def test_labels_of_no_event_are_counted_and_told(shared_spark: SparkSession) -> None:
    assert LABEL is not None
    found = meetings(TOLD, LABEL, as_rows(shared_spark, TOLD, PLACED), as_rows(shared_spark, CHARGEBACKS, CHARGED))
    pairs = CHARGED.drop(columns="merchant").merge(PLACED, "left", on="order_id")
    took = pairs.reported_at - pairs.ordered_at
    early, late = took <= pd.Timedelta(0), took > WITHIN
    met = pairs[~early & ~late & took.notna()]
    expected = {MET: len(met), WITHOUT: took.isna().sum(), EARLY: early.sum(), LATE: late.sum()}
    assert found.labels == expected and min(expected.values()) > 0
    assert found.contradicted == (met.groupby("order_id").is_fraud.nunique() > 1).sum() > 0
    told = f"{len(pairs) - len(met)} of {len(pairs)} chargebacks are the label of no order: {expected[WITHOUT]} have"
    assert found.problem.startswith(told)


def test_labels_that_each_have_their_event_are_fit(shared_spark: SparkSession) -> None:
    assert LABEL is not None
    good = CHARGED.merge(PLACED[["order_id"]]).assign(reported_at=PLACED.ordered_at.max() + pd.Timedelta(days=1))
    rows = [
        as_rows(shared_spark, *each) for each in ((TOLD, PLACED.tail(300)), (CHARGEBACKS, good[good.order_id > 500]))
    ]
    assert meetings(TOLD, LABEL, *rows).problem == ""


def test_over_the_night_of_a_set_back_a_label_may_seem_to_be_before_its_event(shared_spark: SparkSession) -> None:
    zone = "America/New_York"
    label = Label(replace(CHARGEBACKS, time_zone=zone), "is_fraud", within=WITHIN)
    events = replace(ORDERS, time_zone=zone, label=label)
    placed = PLACED.head(2).assign(ordered_at=pd.to_datetime(["2023-11-05 01:50", "2023-11-06 01:50"]).as_unit("us"))
    told = CHARGED.head(2).assign(
        order_id=[0, 1], reported_at=pd.to_datetime(["2023-11-05 01:10", "2023-11-06 01:10"]).as_unit("us"), is_fraud=1
    )
    found = labelled(events, as_rows(shared_spark, events, placed), as_rows(shared_spark, label.table, told)).toPandas()
    assert found.sort_values("order_id").is_fraud.notna().tolist() == [True, False]
