"""Three trips, and what a source makes of a path, read by pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.project import EventTable
from mlops_core_tests.adapters.sources.landed import landed_rows
from my_mlops_stacks.ingestion import trips

TIMES = ["tpep_pickup_datetime", "tpep_dropoff_datetime"]
TRIPS = pd.DataFrame(
    {
        "tpep_pickup_datetime": pd.to_datetime(["2016-01-01 00:11:29", "2016-01-01 23:50:00", "2016-02-29 12:00:01"]),
        "tpep_dropoff_datetime": pd.to_datetime(["2016-01-01 00:20:00", "2016-01-02 00:05:00", "2016-02-29 12:30:00"]),
        "trip_distance": [1.4, 2.0, 17.25],
        "fare_amount": [8.0, 9.5, 52.0],
        "pickup_zip": pd.Series([10103, 7030, 11422], dtype="int32"),
        "dropoff_zip": pd.Series([10110, 10001, 10001], dtype="int32"),
    }
)
EVENTS: EventTable = trips.TRIPS
COLUMNS = list(EVENTS.types)
HEADER = ",".join(COLUMNS)
LINE = "2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103,10110"


def source_rows(path: Path | str, times: str = "wall_clock") -> pd.DataFrame:
    """All rows of the path as they are landed, with `source_problem`, in the order of pickup."""
    return landed_rows(EVENTS, path, times).sort_values([*TIMES, "fare_amount"], ignore_index=True)


def good_rows(path: Path | str, times: str = "wall_clock") -> pd.DataFrame:
    """All rows of a path without any problem."""
    rows = source_rows(path, times)
    assert rows[SOURCE_PROBLEM].isna().all()
    return rows.drop(columns=SOURCE_PROBLEM)


def is_sample(rows: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(rows, TRIPS, check_dtype=False)
    return True
