"""Flights to test on: generated ones everywhere, and the real ones of 2013 where FLIGHTS_PATH names them."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

NAMED = os.environ.get("FLIGHTS_PATH", "")
SAMPLES = ["generated", "real"] if Path(NAMED).is_file() else ["generated"]
FIRST, LAST = date(2013, 1, 28), date(2013, 2, 6)
"""Ten days over the end of a month."""


def flights(sample: str, first: date = FIRST, last: date = LAST) -> pd.DataFrame:
    """The flights of `first` to `last`, with the columns of `FLIGHTS` and `day`."""
    raw = generated() if sample == "generated" else pd.read_parquet(NAMED)
    days = raw.scheduled_departure.dt.date
    raw = raw[(days >= first) & (days <= last)]
    landed = (raw.departed_at + pd.to_timedelta(raw.air_time, unit="min")).astype("datetime64[us]")
    late = (raw.arr_delay > 15).astype("Int32").mask(raw.arr_delay.isna())
    made = raw.assign(landed_at=landed, late=late, distance=raw.distance.astype("int32"), day=days.loc[raw.index])
    return made.drop(columns=["departed_at", "air_time", "flight"]).reset_index(drop=True)


def generated(count: int = 4_000) -> pd.DataFrame:
    """Flights in the columns of the real ones; one in thirty is cancelled.

    How late it is depends on the carrier, and on the weather of the airport, which changes every day.
    """
    random = np.random.default_rng(0)
    minutes = np.sort(random.integers(0, (LAST - FIRST).days * 24 * 60 + 24 * 60, count))
    scheduled = pd.Series(pd.Timestamp(FIRST) + pd.to_timedelta(minutes, unit="min"))
    airports, carriers = ["EWR", "JFK", "LGA"], ["AA", "B6", "UA"]
    origin, carrier, day = random.integers(0, 3, count), random.integers(0, 3, count), minutes // (24 * 60)
    weather, habit = random.lognormal(0, 0.8, (3, day.max() + 1)), np.array([0.5, 1, 2])
    delay = np.round(random.gamma(1.2, 12, count) * weather[origin, day] * habit[carrier] - 8)
    cancelled = random.random(count) < 1 / 30
    return pd.DataFrame(
        {
            "flight_id": np.arange(count),
            "scheduled_departure": scheduled.astype("datetime64[us]"),
            "departed_at": (scheduled + pd.to_timedelta(delay, unit="min")).astype("datetime64[us]").mask(cancelled),
            "carrier": np.take(carriers, carrier),
            "flight": random.integers(1, 3_000, count),
            "tailnum": pd.Series(random.choice([f"N{number}" for number in range(60)], count)).mask(cancelled),
            "origin": np.take(airports, origin),
            "dest": random.choice(["BOS", "LAX", "MIA", "ORD"], count),
            "distance": random.integers(180, 2_600, count),
            "air_time": pd.Series(random.integers(30, 360, count).astype(float)).mask(cancelled),
            "dep_delay": pd.Series(delay).mask(cancelled),
            "arr_delay": pd.Series(delay + random.integers(-20, 30, count)).mask(cancelled),
        }
    )


def as_events(spark: SparkSession, frame: pd.DataFrame, folder: Path) -> DataFrame:
    """The flights as Spark reads them, times without a zone as in every table of a project."""
    times = {name: frame[name].dt.tz_localize("UTC") for name in ("scheduled_departure", "landed_at")}
    file = folder / "flights.parquet"
    frame.assign(**times).to_parquet(file, index=False)
    return spark.read.parquet(str(file))
