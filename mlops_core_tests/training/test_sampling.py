"""A sample has the same share of each day, the same events in whatever order they come, never more than asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.defs.training_rows import TrainingRows
from mlops_core.project import DeclarationError, Training, Validation
from mlops_core.training.sampling import at_most, rows_by_day
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.train import TRAINING

SCHEMA = ", ".join((*(f"{name} {FLIGHTS.types[name]}" for name in FLIGHTS.identity), "day date"))
FIRST = date(2013, 2, 1)


def events(spark: SparkSession, *a_day: int) -> DataFrame:
    """So many events on each of the days, of which one may have none."""
    days = [FIRST + timedelta(days=number) for number, count in enumerate(a_day) for _ in range(count)]
    return spark.createDataFrame([(number, day) for number, day in enumerate(days)], SCHEMA)


def taken(rows: DataFrame, most: int) -> pd.DataFrame:
    return at_most(FLIGHTS, rows, rows_by_day(rows), most).toPandas()


def test_each_day_has_its_share_and_days_without_events_change_nothing(shared_spark: SparkSession) -> None:
    counts = (1_000, 0, 10, 3, 500, 1)
    found = taken(events(shared_spark, *counts), 151)
    assert len(found) == 151
    by_day = found["day"].value_counts()
    for number, count in enumerate(counts):
        assert abs(by_day.get(FIRST + timedelta(days=number), 0) - count * 151 / sum(counts)) < 1


def test_the_same_events_are_taken_in_whatever_order_they_come(shared_spark: SparkSession) -> None:
    rows = events(shared_spark, 300, 200)
    first, again = (taken(rows.orderBy(F.expr(order)), 50) for order in ("flight_id", "hash(flight_id)"))
    assert sorted(first["flight_id"]) == sorted(again["flight_id"])
    in_a_day = first.loc[first["day"] == FIRST, "flight_id"]
    assert in_a_day.diff().nunique() > 5  # drawn, not counted off


def test_as_many_as_there_are_are_all(shared_spark: SparkSession) -> None:
    rows = events(shared_spark, 5, 6)
    assert at_most(FLIGHTS, rows, rows_by_day(rows), 11) is rows
    assert len(taken(rows, 10)) == 10


@pytest.mark.parametrize("most", [0, 99, -1, 1e6, True, None])
def test_a_cap_that_leaves_too_few_is_refused(most: object) -> None:
    with pytest.raises(DeclarationError, match="Training, max_rows must be a whole number of rows, at least 100, not"):
        replace(TRAINING, max_rows=most)
    with pytest.raises(DeclarationError, match="Validation, max_rows must be a whole number of rows, at least 1,000,"):
        Validation(min_rows=1_000, max_rows=most)  # type: ignore[arg-type]


def test_the_least_cap_is_taken() -> None:
    assert isinstance(replace(TRAINING, max_rows=100), Training)
    assert Validation(min_rows=1, max_rows=1).max_rows == 1


def test_the_log_says_what_is_fitted_and_what_is_held_out() -> None:
    rows = pd.DataFrame(index=range(3_000))
    found = TrainingRows(rows, pd.Series(dtype="datetime64[us]"), rows.iloc[:1_000], 7_432, 2_520)
    assert found.told("trips", date(2016, 2, 15)) == (
        "Fitting 3,000 of 7,432 trips before 2016-02-15; 1,000 of 2,520 that are held out are measured here "
        "(the same share of each day)"
    )
    whole = replace(found, past_events=3_000, unseen_events=1_000).told("trips", date(2016, 2, 15))
    assert whole == "Fitting 3,000 trips before 2016-02-15; 1,000 that are held out are measured here"
