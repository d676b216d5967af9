"""Departures with a column of every type, and what a source makes of a path, read by Arrow and pandas."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_core.adapters.sources.file_source import files_at
from mlops_core.adapters.sources.given_path import GivenPath
from mlops_core.adapters.sources.landing import Landing
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.times import EventTimes
from mlops_core.project import Column, EventTable, RowRule

DEPARTURES = EventTable(
    "departures",
    columns=(
        Column("flight_id", "bigint", "Number of the flight"),
        Column("scheduled_departure", "timestamp", "When it should leave"),
        Column("landed_at", "timestamp", "When it landed"),
        Column("carrier", "string", "Airline"),
        Column("tailnum", "string", "Aircraft", nullable=True),
        Column("booked_on", "date", "Day of the first booking", nullable=True),
        Column("is_charter", "boolean", "Whether it is a charter"),
        Column("seats", "int", "Seats", nullable=True),
        Column("load", "float", "Share of the seats that are taken", nullable=True),
        Column("delay", "double", "Delay at the arrival", unit="min", known_late=True),
        Column("is_late", "boolean", "Whether it was late"),
    ),
    event_time="scheduled_departure",
    known_at="landed_at",
    label="is_late",
    identity=("flight_id",),
    time_zone="America/New_York",
    longest=timedelta(days=1),
    noun="departure",
    rules=(RowRule("load > 1.25", "load above 1.25"), RowRule("carrier = '1.5'", "carrier is a number")),
)
SCHEMA = pa.schema(
    [
        ("flight_id", pa.int64()),
        ("scheduled_departure", pa.timestamp("us")),
        ("landed_at", pa.timestamp("us")),
        ("carrier", pa.string()),
        ("tailnum", pa.string()),
        ("booked_on", pa.date32()),
        ("is_charter", pa.bool_()),
        ("seats", pa.int32()),
        ("load", pa.float32()),
        ("delay", pa.float64()),
        ("is_late", pa.bool_()),
    ]
)
LEAVES, LANDS = datetime(2013, 3, 9, 23, 50), datetime(2013, 3, 10, 4, 20, 0, 1)
LANDED = (1, LEAVES, LANDS, "AA", "N007", date(2013, 1, 5), True, 189, 0.75, -3.5, False)
WAITING = (2**53 + 1, LEAVES, None, "007", None, None, False, None, None, None, None)
ROWS = [LANDED, WAITING, (-(2**63), *LANDED[1:]), (2**63 - 1, *WAITING[1:])]


def departure(**changes: object) -> tuple:
    return tuple((dict(zip(SCHEMA.names, LANDED, strict=True)) | changes).values())


def arrow(*rows: tuple) -> pa.Table:
    return pa.table(dict(zip(SCHEMA.names, zip(*rows, strict=True), strict=True)), SCHEMA)


def named(events: EventTable, path: Path | str) -> GivenPath:
    """The path as `<EVENTS>_PATH` names it."""
    return GivenPath(str(path), events.path_variable, otherwise="unset it to generate some" if events.sample else "")


def landed(events: EventTable, path: Path | str, times: str = "wall_clock") -> pa.Table:
    """All rows of the path as they are landed, with `source_problem`."""
    files = files_at(events, named(events, path))
    with TemporaryDirectory() as folder:
        rows = pq.read_table(Landing(Path(folder), EventTimes(events, times)).snapshot(files))
    assert rows.column_names == [*events.types, SOURCE_PROBLEM]
    return rows


def landed_rows(events: EventTable, path: Path | str, times: str = "wall_clock") -> pd.DataFrame:
    return landed(events, path, times).to_pandas()
