"""Windows of declared aggregates against DuckDB's plain SQL, on flights."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pandas as pd
from pyspark.sql import DataFrame

from mlops_core.features.tables import compute_features
from mlops_core.project import FeatureTable
from mlops_core_tests.flights.features import ORIGIN, ROUTE
from mlops_core_tests.flights.sample import FIRST, LAST

PLAIN_SQL = """
SELECT {keys}, ends.ts, {values}, CAST(ends.ts AS DATE) AS day
FROM flights
JOIN (
  SELECT unnest(generate_series(TIMESTAMP '{first}', TIMESTAMP '{last} 23:59', INTERVAL '{slide}')) AS ts
) ends
  ON landed_at < ends.ts AND landed_at >= ends.ts - INTERVAL '{length}'
  AND landed_at >= scheduled_departure AND landed_at <= scheduled_departure + INTERVAL '1 day'
WHERE late IS NOT NULL
GROUP BY {keys}, ends.ts
"""


def in_duckdb(flights: pd.DataFrame, **parts: object) -> pd.DataFrame:
    return duckdb.query(PLAIN_SQL.format(first=FIRST, last=LAST, **parts)).df()  # reads the local variable `flights`


def rows_of(features: DataFrame, table: FeatureTable) -> pd.DataFrame:
    return in_order(features.toPandas(), table)


def in_order(frame: pd.DataFrame, table: FeatureTable) -> pd.DataFrame:
    frame = frame.assign(day=pd.to_datetime(frame["day"]))
    return frame[list(table.columns)].sort_values(list(table.primary_keys), ignore_index=True)


def test_shares_and_expressions_equal_plain_sql(flights, flight_events):
    expected = in_duckdb(
        flights,
        keys="origin",
        slide="15 minutes",
        length="3 hours",
        values="CAST(avg(late) AS FLOAT) AS origin_late_3h, count(*) AS origin_flights_3h, "
        "CAST(count(*) > 40 AS INT) AS origin_is_busy_3h",
    )
    assert len(expected) > 1_000
    found = compute_features(ORIGIN, flight_events, FIRST, LAST)
    assert dict(found.dtypes) == {name: kind for name, (kind, _) in ORIGIN.columns.items()}
    pd.testing.assert_frame_equal(rows_of(found, ORIGIN), in_order(expected, ORIGIN), check_dtype=False)


def test_every_other_aggregate_equals_plain_sql_with_two_string_keys(flights, flight_events):
    expected = in_duckdb(
        flights,
        keys="carrier, dest",
        slide="1 hour",
        length="24 hours",
        values="CAST(avg(arr_delay) AS FLOAT) AS route_delay_24h, CAST(sum(distance) AS DOUBLE) AS route_miles_24h, "
        "min(arr_delay) AS route_best_24h, max(arr_delay) AS route_worst_24h, "
        "count(DISTINCT tailnum) AS route_aircraft_24h, count(*) FILTER (distance > 1000) AS route_far_24h",
    )
    assert len(expected) > 2_000
    found = rows_of(compute_features(ROUTE, flight_events, FIRST, LAST), ROUTE)
    pd.testing.assert_frame_equal(found, in_order(expected, ROUTE), check_dtype=False)


def test_days_built_alone_in_any_order_add_up_to_the_whole(flight_events):
    days = [FIRST + timedelta(days=number) for number in (4, 2, 3)]
    for table in (ORIGIN, ROUTE):
        whole = rows_of(compute_features(table, flight_events, min(days), max(days)), table)
        alone = pd.concat(compute_features(table, flight_events, day, day).toPandas() for day in days)
        pd.testing.assert_frame_equal(in_order(alone, table), whole, check_exact=True)


def test_a_day_without_flights_has_no_rows(flight_events):
    assert compute_features(ORIGIN, flight_events, date(2012, 1, 1), date(2012, 1, 2)).count() == 0
