"""Events of another kind than the example's are judged by the same rules: keys of text, any type, a label of truth."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import permutations

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.ingestion.accept import accept, require_acceptable
from mlops_core.ingestion.best import CONFLICTING
from mlops_core.ingestion.columns import accepted_columns, rejected_columns
from mlops_core.ingestion.conform import InvalidEventsError, conform
from mlops_core.ingestion.days import ALL_DAYS
from mlops_core.project import RowRule
from mlops_core_tests.adapters.sources.landed import DEPARTURES, LANDED, LANDS, LEAVES, departure

TYPES = dict(DEPARTURES.types)
WAITING = departure(landed_at=None, delay=None, is_late=None)
LATE = departure(is_late=True)
LATER = departure(landed_at=LANDS + timedelta(minutes=1))
NO_TAIL = departure(tailnum=None)


def frame(spark: SparkSession, *rows: tuple, **kinds: str) -> DataFrame:
    """Rows of departures, of other types where `kinds` says so."""
    schema = ", ".join(f"{name} {kind}" for name, kind in (TYPES | kinds).items())
    return spark.createDataFrame(list(rows), schema)


def judged(spark: SparkSession, *rows: tuple) -> tuple[list[tuple], list[str]]:
    """The accepted rows without their days, and the reasons of the rejected ones."""
    accepted, rejected = (part.collect() for part in accept(DEPARTURES, conform(DEPARTURES, frame(spark, *rows))))
    return sorted((tuple(row)[:-1] for row in accepted), key=str), sorted(row["reason"] for row in rejected)


def test_both_tables_have_the_columns_that_are_declared(shared_spark: SparkSession) -> None:
    documented = accepted_columns(DEPARTURES), rejected_columns(DEPARTURES)
    for table, columns in zip(accept(DEPARTURES, conform(DEPARTURES, frame(shared_spark))), documented, strict=True):
        assert table.dtypes == [(name, kind) for name, (kind, _) in columns.items()]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flight_id": None}, "null in flight_id"),
        ({"carrier": None}, "null in carrier"),
        ({"is_charter": None}, "null in is_charter"),
        ({"scheduled_departure": None}, "null in scheduled_departure"),
        ({"load": math.nan}, "NaN in load; load above 1.25"),
        ({"load": math.inf}, "infinite load; load above 1.25"),
        ({"load": 1e30}, "load above 1.25"),
        ({"load": 1.26}, "load above 1.25"),
        ({"delay": math.nan}, "NaN in delay"),
        ({"delay": -math.inf}, "infinite delay"),
        ({"carrier": "1.5"}, "carrier is a number"),
        ({"landed_at": LEAVES}, "landed_at not after scheduled_departure"),
        ({"landed_at": datetime(9999, 12, 31)}, "landed_at in the future"),
        ({"scheduled_departure": datetime(1970, 1, 1)}, "scheduled_departure before 1970-01-02"),
    ],
)
def test_a_broken_row_is_rejected_with_its_reason(shared_spark: SparkSession, changes: dict, reason: str) -> None:
    assert judged(shared_spark, departure(**changes)) == ([], [reason])


@pytest.mark.parametrize(
    "changes",
    [
        {"tailnum": None, "booked_on": None, "seats": None, "load": None},
        {"landed_at": None, "delay": None, "is_late": None},
        {"delay": None},
        {"load": 1.25},
        {"carrier": ""},
        {"flight_id": 2**53 + 1},
        {"flight_id": -(2**63)},
        {"delay": 1e300},
        {"booked_on": date(1, 1, 1)},
    ],
)
def test_what_may_be_lacking_or_odd_is_accepted(shared_spark: SparkSession, changes: dict) -> None:
    row = departure(**changes)
    assert judged(shared_spark, row) == ([row], [])
    require_acceptable(DEPARTURES, conform(DEPARTURES, frame(shared_spark, row)), ALL_DAYS)


def test_identities_that_one_double_would_hold_are_two_departures(shared_spark: SparkSession) -> None:
    rows = [departure(flight_id=2**53), departure(flight_id=2**53 + 1)]
    assert judged(shared_spark, *rows) == (rows, [])


@pytest.mark.parametrize(
    ("rows", "accepted", "reasons"),
    [
        ([WAITING, LANDED], LANDED, ["superseded"]),
        ([LANDED, LATE], LATE, [CONFLICTING]),
        ([LATE, LATER], LATER, [CONFLICTING]),
        ([NO_TAIL, LANDED], LANDED, ["superseded"]),
        ([WAITING, NO_TAIL], NO_TAIL, ["superseded"]),
        ([LANDED, departure(carrier="BB")], departure(carrier="BB"), [CONFLICTING]),
        ([LANDED, departure(is_charter=False)], LANDED, [CONFLICTING]),
        ([LANDED, departure(booked_on=date(2013, 1, 6))], departure(booked_on=date(2013, 1, 6)), [CONFLICTING]),
        ([LANDED, departure(tailnum=None, seats=0), departure(tailnum="", seats=None)], LANDED, ["superseded"] * 2),
        ([departure(tailnum=None, seats=0), departure(tailnum="", seats=None)], None, [CONFLICTING]),
        ([NO_TAIL, departure(tailnum="")], departure(tailnum=""), ["superseded"]),
        ([LANDED, LANDED, LATER, LATER], LATER, [CONFLICTING, f"{CONFLICTING}; duplicate", "duplicate"]),
        ([WAITING, WAITING], WAITING, ["duplicate"]),
        ([LANDED, departure(load=math.nan)], LANDED, ["NaN in load; load above 1.25"]),
    ],
)
def test_one_row_of_a_departure_is_accepted_in_any_order(
    shared_spark: SparkSession, rows: list[tuple], accepted: tuple | None, reasons: list[str]
) -> None:
    found = [judged(shared_spark, *order) for order in set(permutations(rows))]
    assert all(one == found[0] for one in found)
    assert found[0][1] == sorted(reasons)
    assert found[0][0] == [accepted] if accepted else len(found[0][0]) == 1


def test_every_row_of_a_mess_is_in_one_place_and_each_departure_is_accepted_once(shared_spark: SparkSession) -> None:
    random = np.random.default_rng(1)
    choices = {
        "flight_id": [*range(60), None],
        "landed_at": [LANDS, LANDS + timedelta(hours=1), LEAVES, None],
        "carrier": ["AA", "BB", None],
        "tailnum": ["N1", "", None],
        "seats": [0, 100, None],
        "load": [0.5, math.nan, None],
        "is_late": [True, False, None],
    }
    rows = [departure(**{name: random.choice(values) for name, values in choices.items()}) for _ in range(2_000)]
    rows = [tuple(value.item() if isinstance(value, np.generic) else value for value in row) for row in rows]
    accepted, rejected = (
        part.collect() for part in accept(DEPARTURES, conform(DEPARTURES, frame(shared_spark, *rows)))
    )

    def spelled(row: tuple) -> tuple[str, ...]:
        return tuple(map(str, row[: len(TYPES)]))

    assert Counter(map(spelled, accepted)) + Counter(map(spelled, rejected)) == Counter(map(spelled, rows))
    numbers = [row["flight_id"] for row in accepted]
    assert len(numbers) == len(set(numbers)) == 60
    for row in accepted:
        own = [other for other in rows if other[0] == row["flight_id"] and is_valid(other)]
        assert outcome(tuple(row)) == max(map(outcome, own))


def is_valid(row: tuple) -> bool:
    """The rules in plain words, for the values of the mess."""
    load, landed = row[8], row[2]
    return None not in (row[0], row[3]) and not (load and math.isnan(load)) and (landed is None or landed > row[1])


def outcome(row: tuple) -> tuple:
    """What prefers one row to another, of when it landed and whether it was late."""
    known = sum(value is not None for value in (row[2], row[10]))
    return known, row[2] or datetime.min, bool(row[10])


class TestConform:
    def test_takes_other_types_that_hold_the_same(self, shared_spark: SparkSession) -> None:
        row = departure(load=0.5, delay=2)
        kinds = {"seats": "decimal(20,0)", "load": "double", "delay": "int", "scheduled_departure": "timestamp_ntz"}
        raw = frame(shared_spark, row).select(*(F.col(name).cast((TYPES | kinds)[name]) for name in TYPES))
        rows = conform(DEPARTURES, raw)
        assert dict(rows.dtypes) == TYPES | {"source_problem": "string"}
        assert tuple(rows.collect()[0]) == (*row, None)

    def test_a_number_that_does_not_fit_is_no_value_that_is_waited_for(self, shared_spark: SparkSession) -> None:
        raw = frame(shared_spark, departure(seats=2**31), departure(seats=189), seats="bigint")
        accepted, rejected = accept(DEPARTURES, conform(DEPARTURES, raw))
        assert [row["seats"] for row in accepted.collect()] == [189]
        assert [row["reason"] for row in rejected.collect()] == ["seats does not fit int"]
        too_large = raw.withColumn("flight_id", F.lit("1" * 20).cast("decimal(20,0)"))
        rejected = accept(DEPARTURES, conform(DEPARTURES, too_large.where("seats = 189")))[1]
        assert [row["reason"] for row in rejected.collect()] == ["flight_id does not fit bigint; null in flight_id"]

    @pytest.mark.parametrize(
        ("name", "kind", "sentence"),
        [
            ("carrier", "int", "carrier is int, expected string"),
            ("is_charter", "string", "is_charter is string, expected boolean"),
            ("booked_on", "timestamp", "booked_on is timestamp, expected date"),
            ("flight_id", "double", "flight_id is double, expected an integer"),
            ("flight_id", "decimal(20,2)", r"flight_id is decimal\(20,2\), expected an integer"),
            ("load", "string", "load is string, expected a number"),
        ],
    )
    def test_names_a_column_of_another_type(
        self, shared_spark: SparkSession, name: str, kind: str, sentence: str
    ) -> None:
        raw = frame(shared_spark).withColumn(name, F.lit(None).cast(kind))
        with pytest.raises(InvalidEventsError, match=f"Departures have columns of the wrong type: {sentence}"):
            conform(DEPARTURES, raw)


def test_an_input_without_a_sound_row_is_refused(shared_spark: SparkSession) -> None:
    with pytest.raises(InvalidEventsError, match=r"There are no departures in the input"):
        require_acceptable(DEPARTURES, conform(DEPARTURES, frame(shared_spark)), ALL_DAYS)
    bad = frame(shared_spark, departure(carrier=None))
    with pytest.raises(InvalidEventsError, match=r"Every departure .* most frequent: null in carrier \(1\)"):
        require_acceptable(DEPARTURES, conform(DEPARTURES, bad), ALL_DAYS)


def test_clocks_that_were_set_back_for_a_century(shared_spark: SparkSession) -> None:
    """Clocks of London went back from 2:00 to 1:00 on 27 October 2013, and on 30 September 1918 from 3:00 to 2:00."""
    events = replace(DEPARTURES, time_zone="Europe/London", first_day=date(1900, 1, 1))
    for night, hour, is_accepted in (("2013-10-27", 1, True), ("2013-10-26", 1, False), ("1918-09-30", 2, True)):
        at = datetime.fromisoformat(f"{night} {hour:02}:50")
        row = departure(scheduled_departure=at, landed_at=at - timedelta(minutes=30))
        accepted, _ = accept(events, conform(events, frame(shared_spark, row)))
        assert accepted.count() == is_accepted


class TestComputedColumns:
    """Whether a departure was late, by a delay that a source has."""

    COLUMNS = tuple(
        replace(each, computed_by="delay > 15.5") if each.name == "is_late" else each for each in DEPARTURES.columns
    )
    EVENTS = replace(DEPARTURES, columns=COLUMNS)

    def test_is_made_of_the_columns_of_the_source(self, shared_spark: SparkSession) -> None:
        rows = [
            departure(flight_id=1, delay=15.5),
            departure(flight_id=2, delay=15.6),
            departure(flight_id=3, delay=None),
        ]
        raw = frame(shared_spark, *rows)
        for source in (raw, raw.drop("is_late")):
            accepted, _ = accept(self.EVENTS, conform(self.EVENTS, source))
            found = accepted.orderBy("flight_id").select("is_late", "landed_at").collect()
            assert [tuple(row) for row in found] == [(False, LANDS), (True, LANDS), (None, LANDS)]

    def test_what_does_not_fit_is_no_value_that_is_waited_for(self, shared_spark: SparkSession) -> None:
        columns = tuple(replace(each, computed_by="carrier") if each.name == "seats" else each for each in self.COLUMNS)
        rows = frame(shared_spark, departure(), departure(carrier="12")).drop("is_late", "seats")
        accepted, rejected = accept(
            replace(self.EVENTS, columns=columns), conform(replace(self.EVENTS, columns=columns), rows)
        )
        assert [row["seats"] for row in accepted.collect()] == [12]
        assert [row["reason"] for row in rejected.collect()] == ["seats does not fit int"]

    @pytest.mark.parametrize("sql", ["airtime > 15", "delay >", "lateness(delay)", "note = 'x'"])
    def test_sql_that_is_none_over_the_columns_is_named(self, shared_spark: SparkSession, sql: str) -> None:
        raw = frame(shared_spark, departure()).withColumn("note", F.lit("x"))  # files would not have it
        columns = tuple(replace(each, computed_by=sql) if each.name == "is_late" else each for each in self.COLUMNS)
        with pytest.raises(
            InvalidEventsError, match="EventTable 'departures', 'is_late': .* is no SQL over the columns f"
        ):
            conform(replace(self.EVENTS, columns=columns), raw)
        with pytest.raises(InvalidEventsError, match="'odd': .* is no SQL over the columns flight_id, .*, is_late"):
            conform(replace(DEPARTURES, rules=(RowRule(sql, "odd"),)), raw)
