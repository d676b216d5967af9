"""Settings are named after the events, and where a project makes none a path is needed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_core.adapters.sources.choice import LocalSources, TableSource
from mlops_core.adapters.sources.errors import (
    NoEventsError,
    SourceNotWatchableError,
    SourceUnansweredError,
    UnreadableEventsError,
)
from mlops_core.adapters.sources.file_source import files_at
from mlops_core.adapters.sources.generated_source import NoSampleError
from mlops_core.adapters.spark import LocalSpark
from mlops_core.ingestion.times import EventTimes
from mlops_core_tests.adapters.sources.landed import DEPARTURES, ROWS, arrow, landed, named

ASKED = {"times": None, "rows": 10, "seed": 0, "drift_from": None}
WALL_CLOCK = EventTimes(DEPARTURES, "wall_clock")


@pytest.fixture
def sources(tmp_path: Path) -> LocalSources:
    spark = LocalSpark(tmp_path / "warehouse", "test")
    return LocalSources(spark, tmp_path / "state", WALL_CLOCK, date(2013, 1, 1), date(2013, 1, 2))


def test_events_without_a_sample_need_a_path(sources: LocalSources) -> None:
    with pytest.raises(
        NoSampleError,
        match="no departures to read, .* no sample: set DEPARTURES_PATH, or departures_table in .*, to a parquet",
    ):
        sources.choose(path=None, **ASKED)


def test_the_environment_names_the_path(sources: LocalSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(arrow(*ROWS), tmp_path / "d.parquet")
    monkeypatch.setenv("DEPARTURES_PATH", str(tmp_path / "d.parquet"))
    assert sources.choose(path=None, **ASKED).read().count() == len(ROWS)


def test_sentences_name_the_settings(sources: LocalSources, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no departures at .*gone: set DEPARTURES_PATH to .* Delta table\.$"):
        files_at(DEPARTURES, named(DEPARTURES, tmp_path / "gone"))
    table = TableSource(sources.spark, "a.b.c", WALL_CLOCK)
    with pytest.raises(ValueError, match=r"reads a\.b\.c \(departures_table and departures_times in databricks.yml\)"):
        table.choose(path="d.parquet", **ASKED)
    with pytest.raises(ValueError, match=r"Times of departures .* \(DEPARTURES_TIMES; departures_times in databricks"):
        EventTimes(DEPARTURES, "Mars")
    index = arrow(*ROWS).schema.get_field_index("landed_at")
    in_utc = arrow(*ROWS).set_column(index, "landed_at", arrow(*ROWS)["landed_at"].cast(pa.timestamp("us", "UTC")))
    pq.write_table(in_utc, tmp_path / "d.parquet")
    with pytest.raises(
        UnreadableEventsError,
        match=r"set DEPARTURES_TIMES \(or departures_times in databricks.yml\) to UTC if they are moments",
    ):
        landed(DEPARTURES, tmp_path / "d.parquet")


@pytest.mark.parametrize("kind", [UnreadableEventsError, NoEventsError, SourceNotWatchableError, SourceUnansweredError])
def test_no_error_of_a_source_shows_the_secret_of_its_address(kind: type[Exception]) -> None:
    error = kind("There is nothing at https://me:swordfish@host/x?sig=swordfish: name another.")
    assert str(error) == "There is nothing at https://host/x?sig=[secret]: name another."
    assert "swordfish" not in repr(error)
