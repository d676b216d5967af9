"""Models of two kinds over the same flights: whether one is late, and in which band its delay is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_core.defs.tables import tables_of
from mlops_core.project import Column, DeclarationError, Input, Project
from mlops_core_tests.flights.bands import BAND_MODEL, BANDED
from mlops_core_tests.flights.bands import ORIGIN as BANDED_ORIGIN
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN, ROUTE
from mlops_core_tests.flights.project import MODEL

BAND = next(column for column in BANDED.columns if column.name == "band")
EVENTS = replace(FLIGHTS, columns=(*FLIGHTS.columns, BAND))
TABLES = tuple(replace(table, events=EVENTS) for table in (ORIGIN, ROUTE))
BOTH = Project(
    "mlops_core_tests.flights",
    events=EVENTS,
    feature_tables=TABLES,
    models=(MODEL, replace(BAND_MODEL, name="band_model", label="band")),
    prefix="flights",
)


def test_each_has_its_own_kind_of_prediction() -> None:
    late, band = BOTH.each
    assert (late.model.task, band.model.task) == (MODEL.task, BAND_MODEL.task)
    columns = {name: set(tables_of(BOTH)[f"{name}_predictions"].columns) for name in (late.scope, band.scope)}
    assert "prediction" in columns["late"] & columns[band.scope]
    assert not {"late", "band"} & (columns["late"] | columns[band.scope])


def test_features_of_earlier_events_may_use_any_label() -> None:
    """Of both labels; the events of a feature table are those of the project but for what is predicted."""
    tables = (replace(BANDED_ORIGIN, events=EVENTS), TABLES[1])
    assert [each.looked_up for each in replace(BOTH, feature_tables=tables).each] == [
        ("origin_late_3h", "origin_early_3h", *BOTH.each[0].looked_up[-len(ROUTE.features) :])
    ] * 2


def test_feature_tables_of_other_events_are_refused() -> None:
    other = replace(EVENTS, columns=(*EVENTS.columns, Column("gate", "string", "Gate", nullable=True)))
    with pytest.raises(DeclarationError, match="is made of other events called 'flights' than the rest of the project"):
        replace(BOTH, feature_tables=(replace(ORIGIN, events=other),))


def test_nothing_that_is_computed_of_another_label_is_an_input() -> None:
    early = Input("was_early", "boolean", "Whether it arrived early", expression="band = 'early'")
    seeing = replace(MODEL, training=replace(MODEL.training, inputs=(*MODEL.training.inputs, early)))
    with pytest.raises(DeclarationError, match="'band' is not known yet when a flight is predicted, so 'was_early'"):
        replace(BOTH, models=(seeing, BOTH.models[1]))
