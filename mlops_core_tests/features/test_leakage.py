"""The leak check finds features that know the future, whatever code makes them, and passes honest ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from mlops_core.features.leakage import leakage_violations
from mlops_core.features.tables import WrongFeaturesError, compute_features
from mlops_core.project import Column, ComputedTable, Count, FeatureTable, WindowTable
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN, ROUTE
from mlops_core_tests.flights.planes import AIRCRAFT, PLANES, WITH_PLANES
from mlops_core_tests.flights.project import project_of
from mlops_core_tests.flights.sample import FIRST, LAST
from mlops_core_tests.flights.weather import WEATHER, WEATHER_3H

ASKED = 60


def looked_up(
    events: DataFrame, frame: pd.DataFrame, *tables: FeatureTable, beside: Sequence[DataFrame] = ()
) -> DataFrame:
    """Some flights with the newest feature rows at their scheduled departure, found by pandas."""
    asked = frame[frame["day"] > FIRST + timedelta(days=1)].sample(ASKED, random_state=0)
    asked = asked[["flight_id", "scheduled_departure", "carrier", "origin", "dest"]].sort_values("scheduled_departure")
    for table in tables:
        rows = compute_features(table, events, FIRST, LAST, *beside).toPandas().drop(columns="day").sort_values("ts")
        rows = rows.rename(columns=dict(table.entity)).astype({"ts": "datetime64[us]"})
        by = list(table.entity.values())
        asked = pd.merge_asof(asked, rows, left_on="scheduled_departure", right_on="ts", by=by).drop(columns="ts")
    spark, times = events.sparkSession, asked["scheduled_departure"].dt.tz_localize("UTC")
    made = spark.createDataFrame(asked.assign(scheduled_departure=times))
    for name, (kind, _) in {name: column for table in tables for name, column in table.feature_columns.items()}.items():
        is_value = F.lit(True) if kind == "string" else ~F.isnan(name)
        made = made.withColumn(name, F.when(is_value, F.col(name)).cast(kind))
    return made


def violations(events: DataFrame, frame: pd.DataFrame, table: FeatureTable) -> list[dict[str, object]]:
    project = project_of(table)
    return leakage_violations(project, {"flights": events}, looked_up(events, frame, table))


def computed(name: str, compute: Callable[..., DataFrame], entity: str = "carrier") -> ComputedTable:
    return ComputedTable(
        name,
        meaning="A feature by code of the project's own",
        events=FLIGHTS,
        entity={entity: entity},
        columns_made=(Column("made", "double", "What the code made"),),
        compute=compute,
        look_back=timedelta(days=2),
    )


def landings(events: DataFrame, *_: date) -> DataFrame:
    """How late the newest flight that landed was: a row at each landing, taken from a second later on."""
    landed = events.where("late IS NOT NULL AND landed_at >= scheduled_departure")
    rows = landed.selectExpr("carrier", "timestamp_seconds(unix_seconds(landed_at) + 1) AS ts", "arr_delay AS made")
    return rows.groupBy("carrier", "ts").agg(F.max("made").alias("made"))


def one_row_ahead(events: DataFrame, *days: date) -> DataFrame:
    following = Window.partitionBy("carrier").orderBy("ts")
    return landings(events, *days).withColumn("made", F.lead("made").over(following))


def own_label(events: DataFrame, *_: date) -> DataFrame:
    rows = events.selectExpr("carrier", "scheduled_departure AS ts", "CAST(late AS DOUBLE) AS made")
    return rows.groupBy("carrier", "ts").agg(F.max("made").alias("made"))


def rate_of_all_time(events: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """What a table that is keyed by the carrier alone says today, as if it had said so every day."""
    days = f"sequence(CAST('{first_day}' AS DATE), CAST('{last_day}' AS DATE))"
    rates = events.groupBy("carrier").agg(F.avg("late").alias("made"))
    return rates.selectExpr("carrier", f"explode({days}) AS at", "made").selectExpr(
        "carrier", "CAST(at AS TIMESTAMP) AS ts", "made"
    )


def test_honest_windows_pass(flight_events, flights):
    project = project_of(ORIGIN, ROUTE)
    rows = looked_up(flight_events, flights, ORIGIN, ROUTE)
    assert rows.where("route_delay_24h IS NOT NULL").count() > ASKED // 2
    assert leakage_violations(project, {"flights": flight_events}, rows) == []


def test_honest_code_of_the_projects_own_passes(flight_events, flights):
    assert violations(flight_events, flights, computed("newest_landing", landings)) == []


@pytest.mark.parametrize("peeking", [one_row_ahead, own_label, rate_of_all_time])
def test_code_that_knows_the_future_is_found(flight_events, flights, peeking):
    found = violations(flight_events, flights, computed("newest_landing", peeking))
    assert found
    assert {"made", "expected_made", "flight_id"} <= set(found[0])


def test_windows_that_count_what_has_not_landed_are_found(flight_events, flights):
    departures = replace(ORIGIN, at="scheduled_departure")
    assert len(violations(flight_events, flights, departures)) > ASKED // 2


def test_windows_that_end_an_hour_later_than_they_say_are_found(flight_events, flights):
    """A row that is stamped with the beginning of its last hour tells of flights that land in it."""
    rows = looked_up(
        flight_events.withColumn("landed_at", F.expr("timestamp_seconds(unix_seconds(landed_at) - 3600)")),
        flights,
        ORIGIN,
    )
    project = project_of(ORIGIN)
    assert len(leakage_violations(project, {"flights": flight_events}, rows)) > ASKED // 2


@pytest.fixture(scope="module")
def weather_events(shared_spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    return sample.as_events(shared_spark, sample.weather("generated"), tmp_path_factory.mktemp("weather"), "weather")


@pytest.mark.parametrize(("shifted", "differs"), [(0, False), (-3600, True)])
def test_every_table_of_events_is_cut_by_its_own_time(flight_events, flights, weather_events, shifted, differs):
    """Weather that is taken for known an hour before it was observed has told of the future."""
    early = weather_events.withColumn(
        "observed_at", F.expr(f"timestamp_seconds(unix_seconds(observed_at) + {shifted})")
    )
    rows = looked_up(early, flights, WEATHER_3H)
    events = {"flights": flight_events, "weather": weather_events}
    found = leakage_violations(project_of(WEATHER_3H), events, rows)
    assert bool(found) == differs
    assert rows.where("visib_3h IS NOT NULL").count() == ASKED


def test_code_over_other_events_that_knows_the_future_is_found(flight_events, flights, weather_events):
    def sky(peek: int) -> Callable[..., DataFrame]:
        def compute(events: DataFrame, *_: date) -> DataFrame:
            made = F.lead("visib", peek).over(Window.partitionBy("origin").orderBy("observed_at"))
            return events.selectExpr("origin", "visib", "observed_at", "observed_at + INTERVAL 1 SECOND AS ts").select(
                "origin", "ts", made.alias("made")
            )

        return compute

    events = {"flights": flight_events, "weather": weather_events}
    for peek, differs in ((0, False), (1, True)):
        table = replace(computed("sky", sky(peek), entity="origin"), events=WEATHER)
        found = leakage_violations(project_of(table), events, looked_up(weather_events, flights, table))
        assert bool(found) == differs


def storms(peek: int) -> Callable[..., DataFrame]:
    """The strongest wind of each hour at airports with a landing in it, stamped `peek` hours too early."""

    def compute(flights: DataFrame, _first: date, _last: date, weather: DataFrame) -> DataFrame:
        ended = F.expr(f"date_trunc('hour', observed_at) + interval {1 - peek} hours").alias("ts")
        wind = weather.groupBy("origin", ended).agg(F.max("wind_speed").alias("made"))
        landed = flights.where("landed_at IS NOT NULL").select("origin").distinct()
        return wind.join(landed, "origin")

    return compute


def test_a_function_of_two_tables_of_events_gets_both_as_of_the_moment(flight_events, weather_events, flights):
    events = {"flights": flight_events, "weather": weather_events}
    for peek, differs in ((0, False), (2, True)):
        table = replace(computed("storms", storms(peek), entity="origin"), beside=(WEATHER,))
        project = project_of(table)
        assert [each.name for each in project.event_tables] == ["flights", "weather"]
        rows = looked_up(flight_events, flights, table, beside=[weather_events])
        assert bool(leakage_violations(project, events, rows)) == differs


def with_aircraft(events: DataFrame, frame: pd.DataFrame, stored: pd.DataFrame) -> DataFrame:
    """Some flights with the newest of the `stored` registrations at their scheduled departure, found by pandas."""
    asked = frame[frame["tailnum"].notna()].sample(ASKED, random_state=0).sort_values("scheduled_departure")
    asked = asked[["flight_id", "scheduled_departure", "tailnum"]]
    stored = stored.sort_values("known_from")
    made = pd.merge_asof(asked, stored, left_on="scheduled_departure", right_on="known_from", by="tailnum")
    made = made.assign(scheduled_departure=made.scheduled_departure.dt.tz_localize("UTC"))
    made = made.drop(columns=["known_from", "day"]).astype({"seats": "float64"})
    rows = events.sparkSession.createDataFrame(made)
    return rows.withColumns({"seats": F.expr("CAST(IF(isnan(seats), NULL, seats) AS INT)")})


@pytest.mark.parametrize("as_of_today", [False, True])
def test_a_static_table_as_of_today_is_found_and_one_that_keeps_its_history_passes(
    flight_events, shared_spark, tmp_path, as_of_today
):
    frame, planes = sample.flights("generated"), sample.planes("generated")
    if as_of_today:
        newest = planes.sort_values("known_from").drop_duplicates("tailnum", keep="last")
        stored = newest.assign(known_from=pd.Timestamp("2004-05-01").as_unit("us"))
    else:
        stored = planes
    events = {"planes": sample.as_events(shared_spark, planes, tmp_path, "planes")}
    project = replace(WITH_PLANES, feature_tables=(AIRCRAFT,))
    rows = with_aircraft(flight_events, frame, stored)
    assert rows.where("seats IS NOT NULL").count() > ASKED // 2
    assert bool(leakage_violations(project, events, rows)) == as_of_today


def test_of_registrations_known_at_once_the_newest_is_taken_and_one_of_no_aircraft_never(shared_spark, tmp_path):
    at = pd.Timestamp("2013-01-29 08:00").as_unit("us")
    required = tuple(replace(column, nullable=False) for column in PLANES.columns)
    declared = replace(PLANES, columns=required, identity=("tailnum", "known_from", "seats"))
    rows = pd.DataFrame({"tailnum": ["N1", "N1", "N2", None], "known_from": at, "seats": [9, 100, 7, 5], "engine": "x"})
    events = sample.as_events(shared_spark, rows.assign(day=at.date()), tmp_path, "planes")
    made = compute_features(replace(AIRCRAFT, events=declared), events, at.date(), at.date()).toPandas()
    assert sorted(zip(made.tailnum, made.seats, strict=True)) == [("N1", 100), ("N2", 7)]
    assert made.ts.dt.tz_localize(None).unique().tolist() == [at]


def test_a_feature_beside_honest_ones_is_found_though_nobody_told_of_it(flight_events, flights):
    peeking = computed("newest_landing", one_row_ahead)
    project = project_of(ORIGIN, ROUTE, peeking)
    rows = looked_up(flight_events, flights, ORIGIN, ROUTE, peeking)
    assert leakage_violations(project, {"flights": flight_events}, rows)


def test_text_features_are_compared(flight_events, flights):
    def newest_origin(events: DataFrame, *_: date) -> DataFrame:
        rows = events.selectExpr("carrier", "scheduled_departure AS ts", "origin AS made")
        return rows.groupBy("carrier", "ts").agg(F.min("made").alias("made"))

    table = replace(computed("newest", newest_origin), columns_made=(Column("made", "string", "Where it left"),))
    assert violations(flight_events, flights, table)


def test_a_wrong_value_in_one_row_is_found(flight_events, flights):
    project = project_of(ORIGIN)
    rows = looked_up(flight_events, flights, ORIGIN)
    one = rows.where("origin_flights_3h IS NOT NULL").agg(F.min("flight_id").alias("id")).collect()[0]["id"]
    wrong = rows.withColumn("origin_flights_3h", F.expr(f"origin_flights_3h + IF(flight_id = {one}, 1, 0)"))
    (found,) = leakage_violations(project, {"flights": flight_events}, wrong)
    assert found["origin_flights_3h"] == found["expected_origin_flights_3h"] + 1
    assert found["flight_id"] == one


def test_a_feature_that_was_not_looked_up_proves_nothing(flight_events, flights):
    project = project_of(ORIGIN, ROUTE)
    with pytest.raises(ValueError, match="route_delay_24h.* was not looked up, so nothing shows whether features leak"):
        leakage_violations(project, {"flights": flight_events}, looked_up(flight_events, flights, ORIGIN))


def test_a_function_without_its_feature_is_named(flight_events):
    table = computed("newest_landing", lambda events, *_: landings(events).withColumnRenamed("made", "mad"))
    with pytest.raises(WrongFeaturesError, match="'newest_landing': its function makes no column made, only carrier"):
        compute_features(table, flight_events, FIRST, LAST)


def test_a_look_back_is_kept_to(flight_events, flights):
    """Of a table whose rows may be an hour old at most, an older row is none."""
    sparse = WindowTable(
        "sparse_features",
        meaning="Flights of a carrier to an airport in a quarter of an hour",
        events=FLIGHTS,
        entity={"carrier": "carrier", "dest": "dest"},
        length=timedelta(minutes=15),
        slide=timedelta(minutes=15),
        aggregates=(Count("flights_15m", "Flights that landed"),),
    )
    rows = looked_up(flight_events, flights, sparse)
    within = project_of(
        sparse,
        lookups=(sparse.look_up(lookback_window=timedelta(hours=1)),),
    )
    assert leakage_violations(within, {"flights": flight_events}, rows)
    assert leakage_violations(project_of(sparse), {"flights": flight_events}, rows) == []
