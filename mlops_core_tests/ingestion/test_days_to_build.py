"""Days that a change reaches, against every window, look-back and look-up counted out one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_core.ingestion.changed_days import ChangedDays, DayChange
from mlops_core.ingestion.day_ranges import DayRange, joined, ranges_of
from mlops_core.ingestion.days_to_build import BuiltDays, days_to_build
from mlops_core.ingestion.reach import Change, feature_days, prediction_days
from mlops_core.project import ComputedTable, Count, FeatureTable, Project, StaticTable, WindowTable
from mlops_core.project.columns import Column
from mlops_core_tests.adapters.sources.watching import SALES
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.planes import AIRCRAFT, PLANES, WITH_PLANES
from mlops_core_tests.flights.project import MODEL, project_of
from mlops_core_tests.fraud.orders import CHARGEBACKS, ORDERS
from mlops_core_tests.fraud.project import DECIDED, PLACED, REPORTED
from mlops_core_tests.fraud.project import PROJECT as FRAUD

HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
FAR = date(2030, 1, 1)


def day(number: int, month: int = 1) -> date:
    return date(2024, month, number)


def days(first: int, last: int) -> DayRange:
    return DayRange(day(first), day(last))


def window(length: timedelta, slide: timedelta, *, longest: timedelta = ONE_DAY, at: str = "") -> WindowTable:
    events = replace(SALES, longest=longest)
    counted = (Count("sales", "Sales"),)
    return WindowTable(
        "w", meaning="W", events=events, entity={"shop": "shop"}, length=length, slide=slide, aggregates=counted, at=at
    )


def changed(*numbers: int, newest: datetime | None = None) -> ChangedDays:
    return ChangedDays({day(number): DayChange("changed", newest) for number in numbers})


def ends_of_windows(at: datetime, length: timedelta, slide: timedelta) -> list[datetime]:
    """Each multiple of `slide` that ends a window which holds the time, tried one by one."""
    first = datetime(1970, 1, 1)
    tried = (first + slide * n for n in range((at - first) // slide - 1, (at + length - first) // slide + 2))
    return [end for end in tried if end - length <= at < end]


@settings(max_examples=150, deadline=None)
@given(
    slide=st.sampled_from([timedelta(minutes=15), HOUR, 7 * HOUR, ONE_DAY, 3 * ONE_DAY]),
    slices=st.integers(1, 9),
    longest=st.integers(1, 80),
    moment=st.integers(0, 24 * 3600 - 1),
    took=st.floats(0, 1),
)
def test_windows_are_those_that_hold_the_event(
    slide: timedelta, slices: int, longest: int, moment: int, took: float
) -> None:
    table = window(slices * slide, slide, longest=longest * HOUR)
    happened = datetime.combine(day(10), time()) + timedelta(seconds=moment)
    known = happened + timedelta(seconds=int(took * longest * 3600))
    reached = feature_days(table, table.events, Change(days(10, 10), newest=known), FAR)
    without_newest = feature_days(table, table.events, Change(days(10, 10)), FAR)
    held_by = {end.date() for end in ends_of_windows(known, table.length, slide)}
    assert reached and without_newest
    assert all(reached.first <= each <= reached.last for each in held_by)
    assert without_newest.first == reached.first <= reached.last <= without_newest.last
    earliest = ends_of_windows(datetime.combine(day(10), time()), table.length, slide)
    assert (reached.first, reached.last) == (min(earliest).date(), max(held_by))


@pytest.mark.parametrize(
    ("table", "newest", "expected"),
    [
        # A sale of 23:50 that is paid at 23:55 is in the half hour that ends at midnight.
        (window(HOUR / 2, HOUR / 2), datetime(2024, 1, 10, 23, 55), days(10, 11)),
        (window(HOUR / 2, HOUR / 2), datetime(2024, 1, 10, 23, 25), days(10, 10)),
        (window(HOUR, HOUR / 4), datetime(2024, 1, 10, 23, 5), days(10, 11)),
        (window(ONE_DAY, ONE_DAY), datetime(2024, 1, 10, 9), days(11, 11)),
        (window(7 * ONE_DAY, ONE_DAY), datetime(2024, 1, 10, 9), days(11, 17)),
        (window(HOUR, HOUR, longest=30 * HOUR), None, days(10, 12)),
        (window(HOUR, HOUR, longest=24 * HOUR), datetime(9999, 12, 31), days(10, 12)),  # a broken clock
        (window(2 * HOUR, HOUR, at="sold_at"), datetime(2024, 1, 12), days(10, 11)),
    ],
)
def test_windows_reach_over_midnight_and_no_further(
    table: WindowTable, newest: datetime | None, expected: DayRange
) -> None:
    assert feature_days(table, table.events, Change(days(10, 10), newest), FAR) == expected


def test_windows_by_the_time_of_events_known_as_they_happen() -> None:
    table = replace(window(6 * HOUR, HOUR), events=SALES.as_they_happen, at="")
    assert feature_days(table, table.events, Change(days(10, 10), datetime(2024, 1, 20)), FAR) == days(10, 11)


def computed(look_back: timedelta) -> ComputedTable:
    made = (Column("n", "int", "N"),)
    return ComputedTable(
        "c", meaning="C", events=SALES, entity={"shop": "shop"}, columns_made=made, compute=print, look_back=look_back
    )


@pytest.mark.parametrize(
    ("look_back", "expected"),
    [(timedelta(0), days(10, 10)), (HOUR, days(10, 11)), (ONE_DAY, days(10, 11)), (25 * HOUR, days(10, 12))],
)
def test_computed_rows_reach_as_far_as_their_look_back(look_back: timedelta, expected: DayRange) -> None:
    assert feature_days(computed(look_back), SALES, Change(days(10, 10)), FAR) == expected


def test_static_rows_are_of_the_day_on_which_they_were_known() -> None:
    known_later = replace(SALES, longest=5 * ONE_DAY)
    table = StaticTable("s", meaning="S", events=known_later, entity={"shop": "shop"}, passed=("amount",))
    assert feature_days(table, known_later, Change(days(10, 10), datetime(2024, 1, 12, 3)), FAR) == days(10, 12)
    assert feature_days(table, known_later, Change(days(10, 10)), FAR) == days(10, 15)
    ends = replace(table, until="paid_at")
    assert feature_days(ends, known_later, Change(days(10, 10)), day(31)) == days(10, 31)


@pytest.mark.parametrize(
    ("look_back", "expected"),
    [(timedelta(0), days(10, 11)), (HOUR, days(10, 12)), (ONE_DAY, days(10, 12)), (None, days(10, 31))],
)
def test_predictions_reach_as_far_as_look_ups_look_back(look_back: timedelta | None, expected: DayRange) -> None:
    table = replace(WITH_PLANES.table("origin_features"), empty="older")
    project = project_of(table, lookups=(table.look_up(lookback_window=look_back),))
    assert list(prediction_days(project, table, days(10, 11), day(31))) == [expected]


BUILT = BuiltDays(days(1, 31), {"late": days(5, 31), "fraud": days(5, 31)})


def test_a_changed_day_of_flights_is_built_predicted_and_judged() -> None:
    """Windows of three hours and of a day; look-ups take rows of any age."""
    asked = days_to_build(project_of(*WITH_PLANES.feature_tables[:2]), {"flights": changed(10, 20)}, BUILT)
    assert asked.features == (days(10, 12), days(20, 22))  # landed up to a day later, in a window of a day
    assert asked.predictions == asked.monitoring == {"late": (days(10, 31),)}
    assert (asked.waiting, asked.reached) == ({}, ())


def test_look_backs_bound_what_is_predicted_again() -> None:
    tables = [replace(table, empty="zero") for table in WITH_PLANES.feature_tables[:1]]
    asked = days_to_build(project_of(*tables), {"flights": changed(10, newest=datetime(2024, 1, 10, 20))}, BUILT)
    assert (asked.features, asked.predictions) == ((days(10, 10),), {"late": (days(10, 10),)})
    assert asked.monitoring == {"late": (days(10, 11),)}  # a day's drift is from the day before


def test_a_table_beside_the_events_is_looked_up() -> None:
    asked = days_to_build(WITH_PLANES, {"planes": changed(20)}, BUILT)
    assert asked.features == (days(20, 20),)
    assert asked.predictions == {"late": (days(20, 31),)}


def test_what_is_older_than_the_first_day_is_taken_in_by_its_run() -> None:
    before = ChangedDays.of([date(2023, 6, 1)])
    asked = days_to_build(WITH_PLANES, {"planes": before, "flights": before}, BUILT)
    assert asked.features == (days(1, 1),)
    assert asked.predictions == {"late": (days(5, 31),)}  # an aircraft's newest row may be of the first day
    rolled = days_to_build(project_of(WITH_PLANES.table("origin_features")), {"flights": before}, BUILT)
    assert (rolled.features, rolled.predictions) == ((days(1, 1),), {"late": ()})
    broken = ChangedDays.of([date.min, date(1969, 1, 1)])
    assert days_to_build(WITH_PLANES, {"flights": broken}, BUILT).predictions == {"late": ()}


def test_days_without_a_partition_wait_and_what_they_are_reached_by_is_built_with_the_next() -> None:
    asked = days_to_build(FRAUD, {"chargebacks": changed(31), "orders": changed(33 - 2, 30)}, BUILT)
    assert asked.features[-1].last == day(31)
    ahead = ChangedDays.of([date(2024, 2, 1), date(2024, 2, 9)])
    waits = days_to_build(FRAUD, {"orders": ahead}, BUILT, asked.reached)
    assert (waits.features, waits.predictions, waits.monitoring) == (
        (),
        {"late": (), "fraud": ()},
        {"late": (), "fraud": ()},
    )
    assert (waits.waiting, waits.reached) == ({"orders": ahead}, asked.reached)
    february = BuiltDays(DayRange(day(1), date(2024, 2, 1)), {"fraud": DayRange(day(5), date(2024, 2, 1))})
    later = days_to_build(FRAUD, waits.waiting, february, waits.reached)
    assert later.features == (DayRange(date(2024, 2, 1), date(2024, 2, 1)),)
    assert later.waiting == {"orders": ahead.after(date(2024, 2, 1))}
    assert later.reached[0].first == date(2024, 2, 2)


def test_a_label_that_arrives_is_of_the_events_that_waited_for_it() -> None:
    """Orders wait ten days; without a report they are none that was, decided by the first label after that."""
    reported = ChangedDays({day(20): DayChange("added", datetime(2024, 1, 20, 9), follows=day(18))})
    rows = {
        table.name: feature_days(table, events, change, day(31))
        for table, events, change in [
            (PLACED, ORDERS.as_they_happen, Change(days(10, 20), label_only=True)),
            (DECIDED, ORDERS, Change(days(10, 20), label_only=True)),
            (REPORTED, CHARGEBACKS, Change(days(20, 20), datetime(2024, 1, 20, 9))),
        ]
    }
    assert rows == {
        "merchant_orders": None,
        "merchant_frauds": DayRange(day(11), date(2024, 2, 10)),  # decided up to 14 days later, in windows of a week
        "merchant_reports": days(20, 22),
    }
    asked = days_to_build(FRAUD, {"chargebacks": reported}, BUILT)
    assert asked.features == (days(11, 31),)
    assert asked.monitoring == {"fraud": (days(8, 31),)}  # what was decided since the 18th had waited for ten days
    only_reports = replace(FRAUD, feature_tables=(PLACED,))
    asked = days_to_build(only_reports, {"chargebacks": reported}, BUILT)
    assert (asked.features, asked.predictions) == ((days(20, 20),), {"fraud": ()})
    assert asked.monitoring == {"fraud": (days(8, 21),)}
    first_label = days_to_build(only_reports, {"chargebacks": changed(20)}, BUILT)
    assert first_label.monitoring == {"fraud": (days(5, 21),)}
    told_later = days_to_build(only_reports, {"chargebacks": changed(20, newest=datetime(2024, 1, 22, 9))}, BUILT)
    assert (told_later.features, told_later.monitoring) == ((days(20, 22),), {"fraud": (days(5, 23),)})


def test_a_label_from_the_end_of_time_is_one_that_is_not_known_yet() -> None:
    """As of a row whose time of payment is 9999-12-31, where others write null."""
    for newest in (datetime(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59, 999999)):
        asked = days_to_build(FRAUD, {"chargebacks": changed(20, newest=newest)}, BUILT)
        assert asked.features == (days(11, 31),)
        assert asked.monitoring["fraud"][-1].last == day(31)
        assert asked.reached[-1].last < day(1, 3)


def test_each_model_has_its_own_days() -> None:
    table: FeatureTable = replace(WITH_PLANES.table("origin_features"), empty="zero")
    plane = WITH_PLANES.models[0]
    models = (
        replace(MODEL, lookups=(table.look_up(),)),
        replace(plane, name="plane_model", lookups=(AIRCRAFT.look_up(FLIGHTS),)),
    )
    project = Project("mlops_core_tests.flights", events=FLIGHTS, feature_tables=(table, AIRCRAFT), models=models)
    built = BuiltDays(days(1, 31), {"late": days(5, 31), "plane": days(25, 31)})
    asked = days_to_build(project, {PLANES.name: changed(20)}, built)
    assert asked.predictions == {"late": (), "plane": (days(25, 31),)}
    assert set(days_to_build(project, {PLANES.name: changed(20)}, BUILT).predictions) == {"late"}


@given(st.sets(st.integers(1, 28)), st.sets(st.integers(1, 28)))
@settings(max_examples=100, deadline=None)
def test_ranges_hold_the_days_and_no_others(one: set[int], other: set[int]) -> None:
    ranges = joined((*ranges_of(map(day, one)), *ranges_of(map(day, other))))
    held = [each.first + timedelta(days=n) for each in ranges for n in range(len(each))]
    assert held == sorted(map(day, one | other))
    assert all((after.first - before.last).days > 1 for before, after in pairwise(ranges))
