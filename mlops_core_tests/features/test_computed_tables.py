"""What a project's own function may make of features, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.features.tables import WrongFeaturesError, compute_features
from mlops_core.project import Column, ComputedTable, Count, Input, Mean, Share
from mlops_core.project.expressions import InvalidSqlError
from mlops_core.training.model_inputs import model_inputs
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN
from mlops_core_tests.flights.project import seeing
from mlops_core_tests.flights.sample import FIRST, LAST


def landings(events: DataFrame, *_: object) -> DataFrame:
    """The landings of each hour by origin, at its end."""
    hour = F.expr("date_trunc('hour', landed_at) + interval 1 hour").alias("ts")
    return events.where("late IS NOT NULL").groupBy("origin", hour).agg(F.count("*").cast("int").alias("n"))


def table(change: Callable[[DataFrame], Any]) -> ComputedTable:
    return ComputedTable(
        "landings",
        meaning="Landings of an hour.",
        events=FLIGHTS,
        entity={"origin": "origin"},
        columns_made=(Column("n", "int", "Landings"),),
        compute=lambda *given: change(landings(*given)),
        look_back=timedelta(days=1),
    )


WRONG: dict[str, tuple[Callable[[DataFrame], Any], str]] = {
    "nothing": (lambda _rows: None, "gives a NoneType: return a DataFrame of Spark"),
    "rows of pandas": (lambda rows: rows.limit(1).toPandas(), "gives a DataFrame: return a DataFrame of Spark"),
    "no feature": (lambda rows: rows.drop("n"), "makes no column n, only origin, ts"),
    "a text as number": (
        lambda rows: rows.withColumn("n", F.lit("many")),
        "makes 'n' a string, .* as int: cast it",
    ),
    "a key of another type": (lambda rows: rows.withColumn("origin", F.lit(1)), "makes 'origin' a int, .* as string"),
    "a time that is a text": (lambda rows: rows.withColumn("ts", F.lit("noon")), "makes 'ts' a string"),
    "other days": (
        lambda rows: rows.withColumn("ts", F.expr("ts - interval 400 days")),
        f"no row whose ts is of the days asked for, {FIRST} to {LAST}",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_it_is_one_sentence(flight_events: DataFrame, mistake: str) -> None:
    change, sentence = WRONG[mistake]
    with pytest.raises(WrongFeaturesError, match=f"Feature table 'landings': its function .*{sentence}") as refused:
        compute_features(table(change), flight_events, FIRST, LAST)
    assert "\n" not in str(refused.value)


def test_numbers_are_cast_as_they_are_declared(flight_events: DataFrame) -> None:
    wide = compute_features(table(lambda rows: rows.withColumn("n", F.expr("n + 0.0D"))), flight_events, FIRST, LAST)
    plain = compute_features(table(lambda rows: rows), flight_events, FIRST, LAST)
    assert dict(wide.dtypes)["n"] == "int"
    assert wide.count() == plain.count() > 100
    assert wide.exceptAll(plain).isEmpty()


def test_days_without_events_have_no_rows_and_no_error(flight_events: DataFrame) -> None:
    later = LAST + timedelta(days=50)
    assert compute_features(table(lambda rows: rows), flight_events, later, later).isEmpty()


def test_a_look_back_of_hours_reads_over_midnight(flight_events: DataFrame) -> None:
    """A day by itself has the rows that it has among others: flights of the evening before land in its first hours."""
    hours = replace(table(lambda rows: rows), look_back=timedelta(hours=20))
    alone = compute_features(hours, flight_events, LAST, LAST)
    among_others = compute_features(hours, flight_events, FIRST, LAST).where(F.col("day") == F.lit(LAST))
    assert among_others.where(F.hour("ts") < 4).count() > 0
    assert alone.exceptAll(among_others).isEmpty()
    assert among_others.exceptAll(alone).isEmpty()


@pytest.mark.parametrize(
    ("aggregate", "sentence"),
    [
        (Share("x", "x", where="late = 1 AND lat = 1"), "'x': .*late = 1 AND lat = 1.* is no SQL over the columns fli"),
        (Mean("x", "x", of="distnce * distance"), "'x': .*distnce.* is no SQL over the columns fli"),
    ],
)
def test_an_aggregate_that_is_no_sql_is_named(flight_events: DataFrame, aggregate: Any, sentence: str) -> None:
    stated = replace(ORIGIN, aggregates=(Count("n", "Flights"), aggregate))
    with pytest.raises(InvalidSqlError, match=f"Feature table 'origin_features', {sentence}"):
        compute_features(stated, flight_events, FIRST, LAST)


def test_an_input_that_is_no_sql_is_named(flight_events: DataFrame) -> None:
    project = seeing("carrier", Input("hour", "int", "Hour", expression="hours(scheduled_departure)"))
    with pytest.raises(InvalidSqlError, match=r"inputs, 'hour': 'hours\(scheduled_departure\)' is no SQL over the col"):
        model_inputs(project, flight_events)


def test_a_key_that_an_event_lacks_has_no_window(flight_events: DataFrame) -> None:
    events = flight_events.withColumn("tailnum", F.expr("CASE WHEN pmod(flight_id, 3) > 0 THEN tailnum END"))
    stated = replace(ORIGIN, entity={"tailnum": "tailnum"}, aggregates=(Count("n", "Flights"),))
    made = compute_features(stated, events, FIRST, LAST)
    assert not made.isEmpty()
    assert made.where("tailnum IS NULL").isEmpty()
