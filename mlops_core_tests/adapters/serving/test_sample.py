"""The recorded sample: events that a request can bring to MLflow's scoring server, and what batch inference answers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd
import pytest
from mlflow.models.utils import _enforce_schema
from mlflow.types import ColSpec, Schema
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.serving.sample import NoSampleError, as_json, made_sample
from mlops_core_tests.adapters.serving.conftest import ASKED, ROWS, Place

TYPES = {"zip": "integer", "airport": "boolean", "n": "long", "tariff": "integer", "at": "datetime", "km": "double"}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine five hours behind UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_its_records_arrive_as_they_are(place: Place, versions: tuple[ModelVersion, ...]) -> None:
    sample = made_sample(place.store, "string", versions[0], place.frame(ASKED, ROWS))
    # zone 3 and 99 have no row, so whether they have an airport is null
    assert sorted((row["zip"], row["kind"] or "", row["km"] or 0) for row in sample.records) == [
        (1, "", 6.0),
        (1, "bike", 0),
        (1, "taxi", 1.5),
        (2, "taxi", 2.0),
    ]
    assert {row["at"] for row in sample.records} == {"2017-01-01T00:00:00"}
    assert all(said.split()[1] == str(row["zip"]) for row, said in zip(sample.records, sample.answers, strict=True))
    schema = Schema([ColSpec(kind, name) for name, kind in TYPES.items()])
    arrived = _enforce_schema(dataframe_from_parsed_json(list(sample.records), "records", schema), schema)
    for name in set(TYPES) - {"at", "km"}:
        assert arrived[name].tolist() == [row[name] for row in sample.records]
    assert set(arrived["at"]) == {pd.Timestamp("2017-01-01")}


def test_events_that_no_request_can_bring_are_told(place: Place, versions: tuple[ModelVersion, ...]) -> None:
    with pytest.raises(NoSampleError, match="newest 2 events has a null in 'zip', 'airport'"):
        made_sample(place.store, "string", versions[0], place.frame(ASKED, [ROWS[3], ROWS[4]]))


def test_bytes_are_in_base64_as_mlflow_reads_them() -> None:
    assert as_json(b"\x00\xff") == "AP8="
