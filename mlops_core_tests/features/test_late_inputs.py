"""An input that is null just where the label is was not known in time, and is found by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import functions as F

from mlops_core.features.late_inputs import late_inputs
from mlops_core.project import Column, DeclarationError, EventTable, Input
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.project import PROJECT, seeing


def declared(**known_late: bool | None) -> EventTable:
    """Flights, some of whose columns are declared otherwise."""
    stated = (replace(column, known_late=known_late.get(column.name, column.known_late)) for column in FLIGHTS.columns)
    return replace(FLIGHTS, columns=tuple(stated))


def test_honest_inputs_pass(flight_events):
    assert late_inputs(PROJECT, flight_events) == {}


def test_a_delay_that_nobody_declared_late_is_found_by_its_name(flight_events, flights):
    found = late_inputs(seeing("carrier", "distance", "dep_delay", events=declared(dep_delay=None)), flight_events)
    assert list(found) == ["dep_delay"]
    cancelled = flights["late"].isna()
    share = flights.loc[cancelled, "dep_delay"].isna().mean()
    assert share > 0.8
    assert (
        f"dep_delay is null of {share:.0%} of the flights without a label and of 0% of the others" in found["dep_delay"]
    )


def test_so_is_one_that_an_input_is_computed_from(flight_events):
    hours = Input("delay_hours", "double", "Delay at the departure", unit="h", expression="dep_delay / 60")
    assert list(late_inputs(seeing("carrier", hours, events=declared(dep_delay=None)), flight_events)) == ["dep_delay"]


def test_what_is_declared_late_is_refused_before_that():
    with pytest.raises(DeclarationError, match="'dep_delay' is not known yet .* would leak the label"):
        _ = seeing("carrier", "dep_delay").inputs


def test_what_is_vouched_for_passes(flight_events):
    assert late_inputs(seeing("carrier", "dep_delay", events=declared(dep_delay=False)), flight_events) == {}


def test_what_is_often_null_of_all_events_is_no_suspect(flight_events):
    gate = Column("gate", "string", "Gate, of some flights", nullable=True)
    project = seeing("gate", events=replace(FLIGHTS, columns=(*FLIGHTS.columns, gate)))
    rows = flight_events.withColumn("gate", F.when(F.col("flight_id") % 10 == 0, "A1"))
    assert late_inputs(project, rows) == {}
    known_at_landing = rows.withColumn("gate", F.when(F.col("landed_at").isNotNull(), "A1"))
    assert list(late_inputs(project, known_at_landing)) == ["gate"]


def test_of_a_few_events_without_a_label_nothing_follows(flight_events):
    project = seeing("carrier", "dep_delay", events=declared(dep_delay=None))
    few = flight_events.where("late IS NULL").limit(19).unionByName(flight_events.where("late IS NOT NULL"))
    assert late_inputs(project, few) == {}
    assert late_inputs(project, flight_events.where("late IS NOT NULL")) == {}
