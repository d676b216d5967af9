"""Three trips, and what a source makes of a path, read by pandas."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from mlops_core.adapters.sources import trips_path
from mlops_core.adapters.sources.data_files import data_files
from mlops_core.adapters.sources.delta_files import delta_files, is_delta
from mlops_core.adapters.sources.landing import Landing
from mlops_core.ingestion.columns import RAW_COLUMNS, SOURCE_PROBLEM
from mlops_core.ingestion.times import TripTimes

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
HEADER = ",".join(RAW_COLUMNS)
LINE = "2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103,10110"


def source_rows(path: Path | str, times: str = "wall_clock") -> pd.DataFrame:
    """All rows of the path as they are landed, with `source_problem`, in the order of pickup."""
    resolved = trips_path.resolve(str(path))
    files = delta_files(resolved) if is_delta(resolved) else data_files(resolved)
    with TemporaryDirectory() as folder:
        rows = pd.read_parquet(Landing(Path(folder), TripTimes(times)).snapshot(files))
    assert list(rows.columns) == [*RAW_COLUMNS, SOURCE_PROBLEM]
    return rows.sort_values([*TIMES, "fare_amount"], ignore_index=True)


def good_rows(path: Path | str, times: str = "wall_clock") -> pd.DataFrame:
    """All rows of a path without any problem."""
    rows = source_rows(path, times)
    assert rows[SOURCE_PROBLEM].isna().all()
    return rows.drop(columns=SOURCE_PROBLEM)


def is_sample(rows: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(rows, TRIPS, check_dtype=False)
    return True
