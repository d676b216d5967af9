"""What an event lacks at first, what tells it from another, and the names that follow its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_core.project import DeclarationError
from mlops_core_tests.adapters.sources.landed import DEPARTURES


def test_what_may_be_null_and_what_is_not_known_yet() -> None:
    assert DEPARTURES.known_late == ("landed_at", "delay", "is_late")
    assert DEPARTURES.required == ("flight_id", "scheduled_departure", "carrier", "is_charter")


@pytest.mark.parametrize("name", ["tailnum", "delay", "is_late", "landed_at"])
def test_what_an_event_may_lack_identifies_none(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"'departures': '{name}' must be known of every event from the start"):
        replace(DEPARTURES, identity=("carrier", name))


def test_nor_does_a_time_that_may_be_null() -> None:
    columns = tuple(
        replace(each, nullable=True) if each.name == "scheduled_departure" else each for each in DEPARTURES.columns
    )
    with pytest.raises(DeclarationError, match="'scheduled_departure' must be known of every event from the start"):
        replace(DEPARTURES, columns=columns)


def test_settings_are_named_after_the_events() -> None:
    assert (DEPARTURES.path_variable, DEPARTURES.times_variable) == ("DEPARTURES_PATH", "DEPARTURES_TIMES")
    assert (DEPARTURES.variable("table"), DEPARTURES.ingestion_name) == ("departures_table", "ingest_departures")
