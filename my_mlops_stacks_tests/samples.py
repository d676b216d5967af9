"""The raw trips that tests run on: generated ones everywhere, and besides the real ones where TRIPS_PATH names them.

The real sample is `samples.nyctaxi.trips`: 10,000 trips of January and February 2016. What holds on any trips is tested
on both; `ON_THE_REAL_TRIPS` marks the tests of numbers that hold on these only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from my_mlops_stacks.ingestion.generator import generate_trips

NAMED = os.environ.get("TRIPS_PATH", "")
REAL_COUNT, REAL_FARES = 10_000, 124_431.81
REAL_FIRST, REAL_LAST = date(2016, 1, 1), date(2016, 2, 29)
HOW_TO_GET_IT = "needs the real trips: set TRIPS_PATH to samples.nyctaxi.trips as a parquet file"
TIMES = ("tpep_pickup_datetime", "tpep_dropoff_datetime")

GENERATED_FIRST, GENERATED_LAST = date(2016, 10, 16), date(2016, 11, 14)
"""A month ends, and New York sets its clocks back on 6 November."""
GENERATED_COUNT = 3_000
ON_THE_REAL_TRIPS = pytest.mark.parametrize("sample", ["real"], indirect=True)
REAL_TRIPS_ARE_SLOW = pytest.mark.parametrize(
    "sample", ["generated", pytest.param("real", marks=pytest.mark.slow)], indirect=True
)


@dataclass(frozen=True)
class Sample:
    """Raw trips in a parquet file, of the days from `first_day` to `last_day`."""

    path: Path
    first_day: date
    last_day: date

    def day(self, number: int) -> str:
        """Its day of that number: 0 is the first, -1 the last, and -15 the first of the fifteen that are held out."""
        return str((self.first_day if number >= 0 else self.last_day + timedelta(days=1)) + timedelta(days=number))

    def raw(self) -> pd.DataFrame:
        return pd.read_parquet(self.path).astype(dict.fromkeys(TIMES, "datetime64[us]"))

    def valid(self) -> pd.DataFrame:
        return valid(self.raw())


def valid(trips: pd.DataFrame) -> pd.DataFrame:
    """The trips that break no rule, each once."""
    lasted = trips.tpep_dropoff_datetime > trips.tpep_pickup_datetime
    kept = trips[(trips.fare_amount > 0) & (trips.trip_distance > 0) & lasted]
    return kept.drop_duplicates(ignore_index=True)


def is_there() -> bool:
    """Whether TRIPS_PATH names the real sample; whatever else it names is no concern of the tests."""
    path = Path(NAMED).expanduser()
    if path.suffix != ".parquet" or not path.exists():
        return False
    try:
        fares = pd.read_parquet(path, columns=["fare_amount"]).fare_amount
    except (pa.ArrowInvalid, KeyError):
        return False
    return (len(fares), round(fares.sum(), 2)) == (REAL_COUNT, REAL_FARES)


SAMPLES = ["generated", "real"] if is_there() else ["generated"]


def real_sample() -> Sample:
    """The real trips; without them the test is skipped."""
    if "real" not in SAMPLES:
        pytest.skip(HOW_TO_GET_IT)
    return Sample(Path(NAMED).expanduser().resolve(), REAL_FIRST, REAL_LAST)


def generated_sample(folder: Path) -> Sample:
    """Trips of thirty days, among them copies, every kind of invalid trip, and trips over the ends of a month and of
    daylight saving."""
    generate_trips(folder / "days", rows=GENERATED_COUNT, seed=1, first_day=GENERATED_FIRST, last_day=GENERATED_LAST)
    trips = pd.read_parquet(folder / "days")
    sound = valid(trips).iloc[::100]
    pickup, dropoff = TIMES
    changes = [
        {"fare_amount": 0.0},
        {"fare_amount": -5.0},
        {"trip_distance": 0.0},
        {dropoff: sound[pickup] - pd.Timedelta(minutes=1)},
        {pickup: pd.Timestamp("2016-10-31 23:50"), dropoff: pd.Timestamp("2016-11-01 00:20")},
        {pickup: pd.Timestamp("2016-11-06 00:50"), dropoff: pd.Timestamp("2016-11-06 02:10")},
    ]
    changed = [sound.assign(**change).iloc[[number]] for number, change in enumerate(changes)]
    every = pd.concat([trips, sound.iloc[-3:], *changed], ignore_index=True)
    sample = Sample(folder / "trips.parquet", GENERATED_FIRST, GENERATED_LAST)
    every.astype(dict.fromkeys(TIMES, "datetime64[us]")).to_parquet(sample.path)
    return sample
