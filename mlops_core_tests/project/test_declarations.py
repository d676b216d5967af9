"""Each mistake of a declaration is one sentence, with the name and the choices."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from typing import Any

import pytest

from mlops_core.project import (
    Aggregate,
    Column,
    Count,
    DeclarationError,
    EventTable,
    Expression,
    FeatureLookup,
    FeatureTable,
    Label,
    Max,
    Mean,
)
from mlops_core.project.names import NameRefusedError
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN, ROUTE
from mlops_core_tests.flights.planes import AIRCRAFT
from mlops_core_tests.flights.project import project_of
from mlops_core_tests.flights.weather import WEATHER, WEATHER_3H
from mlops_core_tests.fraud.orders import CHARGEBACKS, ORDERS

TOLD_LATER: dict[str, Any] = {
    "columns": (*CHARGEBACKS.columns, Column("settled_at", "timestamp", "When it was settled")),
    "known_at": "settled_at",
    "label": "is_fraud",
}
SHOPLESS = tuple(replace(each, nullable=each.name == "merchant") for each in ORDERS.delivered.columns)
LABEL = Label(CHARGEBACKS, "is_fraud", within=timedelta(days=10))


def labelled_by(**changes: Any) -> EventTable:
    """The orders, with another label of the chargebacks."""
    return replace(ORDERS, label=replace(LABEL, **changes))


REFUSED = {
    "a label of no table": (
        lambda: labelled_by(table="chargebacks"),
        "Label, table must be an EventTable, not 'charge",
    ),
    "a label that its table lacks": (
        lambda: labelled_by(column="fraud"),
        "Label, table 'chargebacks': there is no column 'fraud'; choose from order_id, merchant, reported_at, is_fraud",
    ),
    "a label of their own table": (
        lambda: labelled_by(table=replace(CHARGEBACKS, name="orders")),
        "EventTable 'orders', label of 'orders': the table that tells a label must be another one",
    ),
    "a label of a table that has one": (
        lambda: labelled_by(table=replace(CHARGEBACKS, event_time="reported_at", **TOLD_LATER)),
        "label of 'chargebacks': the table that tells a label must be another one, and have no label itself",
    ),
    "a label on another clock": (
        lambda: labelled_by(table=replace(CHARGEBACKS, time_zone="Europe/Berlin")),
        "its times are the wall clock of Europe/Berlin, those of the orders of UTC: declare one zone; 'chargebacks_",
    ),
    "a label by a key that its table lacks": (
        lambda: labelled_by(key={"number": "order_id"}),
        "label of 'chargebacks', key: there is no column 'number'; choose from order_id,",
    ),
    "a label by a key of another type": (
        lambda: labelled_by(key={"merchant": "order_id"}),
        "label of 'chargebacks', key: 'merchant' is string, and 'order_id' is bigint.",
    ),
    "a label by a key that an event may lack": (
        lambda: replace(labelled_by(key={"merchant": "merchant"}), columns=SHOPLESS),
        "label of 'chargebacks', key: 'merchant' must be known of every event from the start.",
    ),
    "a label that is waited for longer than features are made": (
        lambda: labelled_by(within=timedelta(days=15)),
        "label of 'chargebacks': within is 15 days, 0:00:00, and must be above zero and at most longest, 14 days",
    ),
    "a label that nobody waits for": (lambda: labelled_by(within=timedelta(0)), "within is 0:00:00, and must be above"),
    "a label within a number": (lambda: labelled_by(within=10), "'chargebacks', within must be a timedelta, such as"),
    "an absent label of another type": (
        lambda: labelled_by(absent="no"),
        "label of 'chargebacks': absent is 'no', which is no int, as 'is_fraud' is.",
    ),
    "an absent label of yes or no": (lambda: labelled_by(absent=False), "absent is False, which is no int"),
    "a label that is called as the time at which it is known": (
        lambda: replace(ORDERS, known_at="ordered_at"),
        "EventTable 'orders': its label adds the columns is_fraud, amount_back, ordered_at, and 'ordered_at' is one of",
    ),
    "features on another clock than the events": (
        lambda: project_of(replace(WEATHER_3H, events=replace(WEATHER, time_zone="UTC"))),
        "Feature table 'weather_features': its observations have the wall clock of UTC, and the flights that look them "
        "up that of America/New_York: declare one time_zone; 'weather_times' says what zone their source has.",
    ),
    "an event time that is no column": (
        lambda: replace(FLIGHTS, event_time="departs"),
        "EventTable 'flights': there is no column 'departs'; choose from flight_id, scheduled_departure,",
    ),
    "an event time that is no time": (
        lambda: replace(FLIGHTS, event_time="carrier"),
        "EventTable 'flights': 'carrier' must be a timestamp to be a time, not string.",
    ),
    "an identity of nothing": (lambda: replace(FLIGHTS, identity=()), "identity names no column"),
    "a label that is no column": (lambda: replace(FLIGHTS, label="is_late"), "there is no column 'is_late'"),
    "no time that an event may take": (lambda: replace(FLIGHTS, longest=timedelta(0)), "longest must be above zero"),
    "a type that there is not": (
        lambda: Column("price", "decimal", "Price"),
        "Column 'price': no type is called 'decimal'; choose from boolean, int, bigint,",
    ),
    "an entity that is no column": (
        lambda: replace(ORIGIN, entity={"airport": "airport"}),
        "Feature table 'origin_features', entity: there is no column 'airport'; choose from",
    ),
    "no entity": (lambda: replace(ORIGIN, entity={}), "'origin_features': entity names no column"),
    "a slide that doesn't divide the window": (
        lambda: replace(ORIGIN, slide=timedelta(minutes=50)),
        r"'origin_features': slide \(0:50:00\) must be whole seconds, and length \(3:00:00\) a multiple of it",
    ),
    "a slide of nothing": (lambda: replace(ORIGIN, slide=timedelta(0)), "must be whole seconds"),
    "a window of nothing": (lambda: replace(ORIGIN, length=timedelta(0)), "length must be above zero"),
    "a feature of a column that is not there": (
        lambda: replace(ORIGIN, aggregates=(Mean("delay", "Delay", of="delay_min"),)),
        "Feature table 'origin_features', 'delay': 'delay_min' names no column; choose from flight_id,",
    ),
    "a condition on nothing": (
        lambda: replace(ORIGIN, aggregates=(Count("n", "Flights", where="1 = 1"),)),
        "'origin_features', 'n': '1 = 1' names no column; choose from",
    ),
    "an expression of nothing": (
        lambda: replace(ORIGIN, aggregates=(*ORIGIN.aggregates, Expression("one", "1", "int", "One"))),
        "'origin_features', 'one': '1' names no column; choose from origin, ts, origin_late_3h,",
    ),
    "a table without a feature": (lambda: replace(ORIGIN, aggregates=()), "'origin_features' has no feature"),
    "a time of windows that is not there": (lambda: replace(ORIGIN, at="when"), "at: there is no column 'when'"),
    "two tables of one name": (
        lambda: project_of(ORIGIN, replace(ROUTE, name="origin_features")),
        "Two tables or models of the project are called 'origin_features'",
    ),
    "a project that predicts nothing": (
        lambda: project_of(ORIGIN, events=replace(FLIGHTS, label=None)),
        "EventTable 'flights' has no label, and can't be predicted without: name it.",
    ),
    "a look-up in no table": (
        lambda: project_of(
            ORIGIN,
            lookups=(FeatureLookup("airports", "origin", timestamp_lookup_key="scheduled_departure"),),
        ),
        "A look-up names no feature table, 'airports'; choose from origin_features.",
    ),
    "events that are known as they happen and are predicted": (
        lambda: replace(FLIGHTS, known_at="scheduled_departure"),
        "'scheduled_departure' can't be event_time and known_at, for nobody predicts a label that is known when the",
    ),
    "two declarations of one event table": (
        lambda: project_of(ORIGIN, replace(ROUTE, events=replace(FLIGHTS, noun="departure"))),
        "'route_features' is made of other events called 'flights' than the rest of the project",
    ),
    "an event table and a feature table of one name": (
        lambda: project_of(replace(WEATHER_3H, name="weather")),
        "Two tables or models of the project are called 'weather'",
    ),
    "other events without a column of the predicted ones to look them up by": (
        lambda: project_of(replace(WEATHER_3H, entity={"station": "origin"})),
        "The look-up in 'weather_features': it goes by 'station', which is no input of 'late_model'; choose from",
    ),
    "a look-up by a column that the model doesn't see": (
        lambda: project_of(replace(ORIGIN, entity={"tailnum": "tailnum"})),
        "The look-up in 'origin_features': it goes by 'tailnum', which is no input of 'late_model'",
    ),
    "a look-up by a column of another type": (
        lambda: project_of(replace(WEATHER_3H, entity={"distance": "origin"})),
        "The look-up in 'weather_features': 'distance' is int, and the key 'distance' is string.",
    ),
    "a look-up by too few columns": (
        lambda: project_of(ROUTE, lookups=(ROUTE.look_up(lookup_key="carrier"),)),
        "The look-up in 'route_features': lookup_key names 1 columns, carrier, for the table's keys carrier, dest.",
    ),
    "a static table of a column that its events don't have": (
        lambda: replace(AIRCRAFT, passed=("wings",)),
        "Feature table 'aircraft_features', passed: there is no column 'wings'; choose from tailnum, known_from, seats",
    ),
    "a static table of a text": (
        lambda: replace(AIRCRAFT, passed="seats"),
        r"Feature table 'aircraft_features', passed must be a tuple of str, such as \(a, b\) or \(a,\), not 'seats'",
    ),
    "a static table by what the model doesn't see": (
        lambda: project_of(AIRCRAFT),
        "The look-up in 'aircraft_features': it goes by 'tailnum', which is no input of 'late_model'",
    ),
    "a look-up at no time": (
        lambda: project_of(ORIGIN, lookups=(ORIGIN.look_up(timestamp_lookup_key="origin"),)),
        "The look-up in 'origin_features': 'origin' is string, and the key 'ts' is timestamp.",
    ),
    "a look-up of no feature": (
        lambda: project_of(ORIGIN, lookups=(ORIGIN.look_up(feature_names=["late"]),)),
        "The look-up in 'origin_features': there is no column 'late'; choose from origin_late_3h,",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_a_sentence(mistake):
    declare, sentence = REFUSED[mistake]
    with pytest.raises(DeclarationError, match=sentence):
        declare()


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Column("dep delay", "double", "Delay"),
        lambda: replace(FLIGHTS, name="Flights"),
        lambda: replace(FLIGHTS, columns=(*FLIGHTS.columns, Column("Late", "int", "Late"))),
        lambda: replace(ORIGIN, aggregates=(Count("ts", "Flights"),)),
        lambda: replace(ORIGIN, aggregates=(Count("n", "Flights"), Count("n", "Flights, again"))),
        lambda: project_of(ORIGIN, replace(ROUTE, aggregates=(Count("origin_late_3h", "Twice"),))),
    ],
)
def test_a_name_that_a_system_refuses_or_that_is_taken_is_refused(declare):
    with pytest.raises(NameRefusedError):
        declare()


def test_a_declaration_is_frozen():
    with pytest.raises(FrozenInstanceError):
        FLIGHTS.label = "arr_delay"


def test_lineage_follows_from_what_is_declared():
    assert ROUTE.lineage["route_delay_24h"] == [("flights", "arr_delay"), ("flights", "landed_at")]
    assert ROUTE.lineage["route_far_24h"] == [("flights", "distance"), ("flights", "landed_at")]
    assert ROUTE.lineage["carrier"] == [("flights", "carrier")]
    assert ORIGIN.lineage["origin_is_busy_3h"] == [("flights", "landed_at")]


def test_the_columns_of_a_static_table_come_from_its_events():
    assert AIRCRAFT.lineage["seats"] == [("planes", "seats")]
    assert AIRCRAFT.lineage["ts"] == [("planes", "known_from")]
    assert AIRCRAFT.feature_columns["engine"] == ("string", "Kind of its engines")


def test_an_expression_may_use_the_time_and_the_key():
    night = Expression("is_night", "hour(ts) < 6 AND origin = 'JFK'", "boolean", "At night")
    table = replace(ORIGIN, aggregates=(*ORIGIN.aggregates, night))
    assert table.lineage["is_night"] == [("flights", "landed_at"), ("flights", "origin")]
    assert table.feature_columns["is_night"] == ("boolean", "At night")


def test_all_features_are_looked_up_unless_named():
    project = project_of(ORIGIN, ROUTE)
    assert project.looked_up == (*ORIGIN.feature_columns, *ROUTE.feature_columns)
    first, second = project.lookups
    assert (first.keys, second.keys) == (("origin",), ("carrier", "dest"))
    assert first.timestamp_lookup_key == "scheduled_departure"


def test_event_tables_are_the_predicted_events_and_those_of_feature_tables_once():
    project = project_of(WEATHER_3H, ORIGIN, replace(WEATHER_3H, name="weather_again"), lookups=(ORIGIN.look_up(),))
    assert project.event_tables == (FLIGHTS, WEATHER)
    assert project_of(ORIGIN, ROUTE).event_tables == (FLIGHTS,)


def test_other_events_are_looked_up_by_the_names_of_the_keys_at_the_time_of_what_is_predicted():
    stations = replace(WEATHER_3H, entity={"dest": "origin"})
    lookup, _ = project_of(stations, ORIGIN).lookups
    assert (lookup.keys, lookup.timestamp_lookup_key) == (("dest",), "scheduled_departure")
    renamed = WEATHER_3H.look_up(FLIGHTS, rename_outputs={"visib_3h": "visibility"})
    assert "visibility" in project_of(WEATHER_3H, lookups=(renamed,)).looked_up


def test_units_are_those_that_are_declared_by_the_names_that_people_see():
    renamed = ROUTE.look_up(rename_outputs={"route_delay_24h": "usual_delay"})
    project = project_of(ORIGIN, ROUTE, lookups=(ORIGIN.look_up(), renamed))
    assert project.units["distance"] == "mi"
    assert project.units["usual_delay"] == "min"
    assert project.looked_up_from["usual_delay"] == ("route_features", "route_delay_24h")
    assert not {"carrier", "origin_late_3h", "route_delay_24h"} & project.units.keys()


def test_a_kind_of_feature_or_table_that_computes_nothing_can_not_be_made():
    for incomplete in (Aggregate, FeatureTable):
        with pytest.raises(TypeError, match="abstract"):
            incomplete("x", meaning="Nothing")


def test_a_smallest_or_largest_value_has_the_type_of_its_column():
    with pytest.raises(TypeError, match="type"):
        Max("worst", "Largest delay", of="arr_delay")
