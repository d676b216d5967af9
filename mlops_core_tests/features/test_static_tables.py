"""Tables that change slowly, and whose rows end: what a look-up finds, by hand and by DuckDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import duckdb
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.features.leakage import leakage_violations
from mlops_core.features.tables import compute_features
from mlops_core.project import Column, DeclarationError, EventTable, StaticTable
from mlops_core_tests.flights.planes import WITH_PLANES

LEASES = EventTable(
    "leases",
    columns=(
        Column("tailnum", "string", "Aircraft"),
        Column("valid_from", "timestamp", "From when on"),
        Column("valid_to", "timestamp", "Until when; far in the future while it lasts", nullable=True),
        Column("seats", "int", "Seats"),
    ),
    event_time="valid_from",
    known_at="valid_from",
    identity=("tailnum", "valid_from"),
    time_zone="America/New_York",
    longest=timedelta(days=1),
    noun="lease",
)
LEASED = StaticTable(
    "leased", meaning="Who flies.", events=LEASES, entity={"tailnum": "tailnum"}, passed=("seats",), until="valid_to"
)
DAYS = date(2013, 1, 28), date(2013, 2, 6)
ROWS = [
    ("ended", "2013-01-02", "2013-01-30 12:00", 1),
    ("ended", "2013-02-02", "9999-12-31", 2),
    ("open", "2013-01-02", None, 3),
    ("followed at once", "2013-01-02", "2013-01-30", 4),
    ("followed at once", "2013-01-30", "2013-02-01", 5),
    ("overlapping", "2013-01-02", "2013-02-03", 6),
    ("overlapping", "2013-01-31", "2013-02-04", 7),
    ("over before the first day", "2012-01-02", "2013-01-02", 8),
]
FRAME = pd.DataFrame(ROWS, columns=["tailnum", "valid_from", "valid_to", "seats"])


@pytest.fixture(scope="module")
def leases(shared_spark: SparkSession) -> DataFrame:
    rows = shared_spark.createDataFrame(ROWS, "tailnum string, valid_from string, valid_to string, seats int")
    times = {name: F.col(name).cast("timestamp") for name in ("valid_from", "valid_to")}
    return rows.withColumns(times).withColumn("day", F.to_date("valid_from"))


def stored(leases: DataFrame, *days: tuple[date, date]) -> pd.DataFrame:
    """What partitions of these days, built one after the other, hold together."""
    made = [compute_features(LEASED, leases, *each, opens=each[0] == DAYS[0]).toPandas() for each in days]
    return pd.concat(made, ignore_index=True).assign(ts=lambda rows: rows.ts.dt.tz_localize(None))


def test_a_row_ends_unless_another_has_begun(leases: DataFrame) -> None:
    """At each hour of the days, the newest row against the leases that last: of those the one that began last."""
    days = [(each.date(), each.date()) for each in pd.date_range(*DAYS)]
    table, hours = stored(leases, *days), pd.DataFrame({"at": pd.date_range(*DAYS, freq="h").as_unit("us")})
    found, expected = newest(table, hours), lasting(hours)
    pd.testing.assert_frame_equal(found, expected)
    assert found.seats.notna().any() and found.seats.isna().any()


def newest(table: pd.DataFrame, hours: pd.DataFrame) -> pd.DataFrame:
    return duckdb.sql("""
        SELECT asked.tailnum, asked.at, kept.seats::DOUBLE AS seats
        FROM (SELECT * FROM (SELECT DISTINCT tailnum FROM FRAME), hours) AS asked
        ASOF LEFT JOIN "table" AS kept ON asked.tailnum = kept.tailnum AND asked.at >= kept.ts ORDER BY 1, 2
        """).df()


def lasting(hours: pd.DataFrame) -> pd.DataFrame:
    return duckdb.sql("""
        SELECT asked.tailnum, asked.at, arg_max(lease.seats, lease.valid_from)::DOUBLE AS seats
        FROM (SELECT * FROM (SELECT DISTINCT tailnum FROM FRAME), hours) AS asked
        LEFT JOIN FRAME AS lease ON asked.tailnum = lease.tailnum AND asked.at >= lease.valid_from::TIMESTAMP
            AND (lease.valid_to IS NULL OR asked.at < lease.valid_to::TIMESTAMP)
        GROUP BY 1, 2 ORDER BY 1, 2
        """).df()


def test_days_built_at_once_are_those_built_one_after_the_other(leases: DataFrame) -> None:
    days = [(each.date(), each.date()) for each in pd.date_range(*DAYS)]
    both = stored(leases, DAYS), stored(leases, *days)
    once, one_by_one = (rows.sort_values(["tailnum", "ts"], ignore_index=True) for rows in both)
    pd.testing.assert_frame_equal(once, one_by_one)


def test_a_row_of_the_end_passes_the_leak_check_and_one_that_went_on_does_not(leases: DataFrame) -> None:
    project = replace(WITH_PLANES, feature_tables=(LEASED,))
    asked = [("ended", datetime(2013, 1, 30, 11), 1), ("ended", datetime(2013, 1, 30, 13), None)]
    for went_on, rows in ((False, asked), (True, [*asked, ("ended", datetime(2013, 2, 1), 1)])):
        schema = "tailnum string, scheduled_departure string, seats int"
        found = leases.sparkSession.createDataFrame([(name, str(at), seats) for name, at, seats in rows], schema)
        found = found.withColumn("scheduled_departure", F.col("scheduled_departure").cast("timestamp"))
        assert bool(leakage_violations(project, {"leases": leases}, found)) == went_on


@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        ("ends", "'leased', until: there is no column 'ends'; choose from tailnum, valid_from, valid_to, seats"),
        ("seats", "'leased', until: 'seats' must be a timestamp, not int"),
    ],
)
def test_an_end_that_is_no_time_is_refused(until: str, sentence: str) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        replace(LEASED, until=until)


def test_what_is_known_some_hours_later_is_of_the_day_on_which_it_is_known(shared_spark: SparkSession) -> None:
    events = replace(
        LEASES,
        columns=(*LEASES.columns, Column("told_at", "timestamp", "When it was told")),
        known_at="told_at",
        longest=timedelta(hours=12),
    )
    table = replace(LEASED, events=events, until="")
    row = [("late", "2013-01-31 22:00", "2013-02-01 03:00", 9)]
    rows = shared_spark.createDataFrame(row, "tailnum string, valid_from string, told_at string, seats int")
    times = {name: F.col(name).cast("timestamp") for name in ("valid_from", "told_at")}
    rows = rows.withColumns(times | {"valid_to": F.lit(None).cast("timestamp"), "day": F.to_date(F.col("valid_from"))})
    known = date(2013, 2, 1)
    assert [row["seats"] for row in compute_features(table, rows, known, known).collect()] == [9]
