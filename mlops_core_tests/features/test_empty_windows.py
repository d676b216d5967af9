"""A window without an event: what look-ups find then is declared, and is what the events of the window say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core.adapters.feature_store.look_up import TableRows, look_up
from mlops_core.adapters.feature_store.registry import LocalFeatureTable
from mlops_core.adapters.feature_store.training_set import build_spec
from mlops_core.features.leakage import leakage_violations
from mlops_core.features.tables import compute_features
from mlops_core.project import Count, DeclarationError, Distinct, Expression, Max, Mean, Sum, WindowTable
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.project import project_of
from mlops_core_tests.flights.sample import FIRST, LAST

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
SPARSE = WindowTable(
    "sparse_features",
    meaning="An airline's flights to an airport in the last hour.",
    events=FLIGHTS,
    entity={"carrier": "carrier", "dest": "dest"},
    length=HOUR,
    slide=QUARTER,
    aggregates=(
        Count("flights_1h", "Flights that landed"),
        Sum("miles_1h", "Distance flown", of="distance"),
        Mean("delay_1h", "Mean delay", of="arr_delay"),
        Distinct("aircraft_1h", "Aircraft", of="tailnum"),
        Max("worst_1h", "Largest delay", of="arr_delay", type="double"),
        Expression("busy_1h", "CAST(flights_1h > 2 AS INT)", "int", "1 with more than two flights"),
    ),
    empty="zero",
)
FEATURES = tuple(SPARSE.feature_columns)
PLAIN_SQL = """
SELECT asked.flight_id, count(landed_at) AS flights_1h, coalesce(sum(distance), 0.0) AS miles_1h,
  avg(arr_delay) AS delay_1h, count(DISTINCT tailnum) AS aircraft_1h, max(arr_delay) AS worst_1h,
  CASE WHEN count(landed_at) > 0 THEN CAST(count(landed_at) > 2 AS INT) END AS busy_1h
FROM asked LEFT JOIN landed ON landed.carrier = asked.carrier AND landed.dest = asked.dest
  AND landed_at < time_bucket(INTERVAL '15 minutes', asked.scheduled_departure)
  AND landed_at >= time_bucket(INTERVAL '15 minutes', asked.scheduled_departure) - INTERVAL '1 hour'
GROUP BY asked.flight_id ORDER BY flight_id
"""


def asked_of(flights: pd.DataFrame) -> pd.DataFrame:
    """Departures in the middle and on the edges of windows, and of a route that nobody flies."""
    some = flights[flights.day > FIRST].sample(600, random_state=0)[["scheduled_departure", "carrier", "dest"]]
    edges = some.assign(scheduled_departure=some.scheduled_departure.dt.floor("15min"))
    nearly = edges.assign(scheduled_departure=edges.scheduled_departure - pd.Timedelta(microseconds=1))
    unknown = some.head(5).assign(dest="XXX")
    asked = pd.concat([some, edges, nearly, unknown], ignore_index=True)
    times = asked.scheduled_departure.astype("datetime64[us]").dt.tz_localize("UTC")
    return asked.assign(scheduled_departure=times, flight_id=range(len(asked)))


def looked_up(events: DataFrame, asked: DataFrame, table: WindowTable = SPARSE) -> DataFrame:
    """The departures with what the feature store's own join finds for them."""
    rows = compute_features(table, events, FIRST, LAST)
    described = LocalFeatureTable(table.name, tuple(table.entity), ("ts",))
    spec = build_spec(asked, [table.look_up()], [], [], lambda _: TableRows(described, rows))
    return look_up(asked, spec, lambda _: TableRows(described, rows))


def expected_of(flights: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    took = flights.landed_at - flights.scheduled_departure
    landed = flights[flights.late.notna() & took.between(pd.Timedelta(0), pd.Timedelta(days=1))]
    asked = asked.assign(scheduled_departure=asked.scheduled_departure.dt.tz_localize(None))
    assert len(landed) and len(asked)
    return duckdb.query(PLAIN_SQL).df()  # reads the local variables


def check(found: pd.DataFrame, flights: pd.DataFrame, asked: pd.DataFrame) -> None:
    expected = expected_of(flights, asked).set_index("flight_id")
    found = found.sort_values("flight_id").set_index("flight_id")[list(FEATURES)]
    pd.testing.assert_frame_equal(found.astype(float), expected[list(FEATURES)].astype(float), rtol=1e-6)
    assert 100 < (found.flights_1h == 0).sum() < len(found) - 100
    assert found.delay_1h[found.flights_1h == 0].isna().all()


def test_a_look_up_finds_what_the_events_of_its_window_say(
    flights: pd.DataFrame, flight_events: DataFrame, shared_spark: SparkSession
) -> None:
    asked = asked_of(flights)
    check(looked_up(flight_events, shared_spark.createDataFrame(asked)).toPandas(), flights, asked)


def test_the_leak_check_agrees_and_finds_a_look_up_of_any_age(
    flights: pd.DataFrame, flight_events: DataFrame, shared_spark: SparkSession
) -> None:
    asked = shared_spark.createDataFrame(asked_of(flights).sample(80, random_state=0))
    found = looked_up(flight_events, asked)
    assert leakage_violations(project_of(SPARSE), {"flights": flight_events}, found) == []
    older = looked_up(flight_events, asked, replace(SPARSE, empty="older"))
    assert leakage_violations(project_of(SPARSE), {"flights": flight_events}, older)


def test_what_a_look_up_states_wins_and_names_are_those_of_the_output() -> None:
    assert replace(SPARSE, empty="older").look_up().lookback_window is None
    usual = SPARSE.look_up()
    assert usual.lookback_window == QUARTER - timedelta(microseconds=1)
    assert usual.default_values == {"flights_1h": 0, "miles_1h": 0.0, "aircraft_1h": 0}
    assert {name: type(value) for name, value in usual.default_values.items()}["miles_1h"] is float
    some = SPARSE.look_up(
        feature_names=["flights_1h", "delay_1h"], rename_outputs={"flights_1h": "n"}, lookback_window=HOUR
    )
    assert (some.default_values, some.lookback_window) == ({"n": 0}, HOUR)
    assert SPARSE.look_up(default_values={"busy_1h": 0}).default_values == {"busy_1h": 0}
    assert SPARSE.look_up(lookback_window=None).lookback_window is None


def test_another_word_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"'sparse_features': empty can't be 0; choose from older, zero\."):
        replace(SPARSE, empty=0)  # type: ignore[arg-type]


ON_APACHE_SPARK = """
import sys
from pyspark.sql import SparkSession
from mlops_core_tests.features.test_empty_windows import looked_up
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2").getOrCreate()
events, asked = (spark.read.parquet(f"{sys.argv[1]}/{name}.parquet") for name in ("events", "asked"))
looked_up(events, asked).coalesce(1).write.parquet(f"{sys.argv[1]}/found")
"""


@pytest.mark.slow
def test_apache_spark_finds_the_same(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install default-jre-headless")
    flights = sample.flights("generated")
    asked = asked_of(flights)
    zoned = {name: flights[name].dt.tz_localize("UTC") for name in ("scheduled_departure", "landed_at")}
    for name, frame in {"events": flights.assign(**zoned), "asked": asked}.items():
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ON_APACHE_SPARK, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check(pd.read_parquet(tmp_path / "found"), flights, asked)
