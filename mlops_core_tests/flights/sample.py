"""Flights, weather and aircraft to test on: generated everywhere, and those of 2013 where FLIGHTS_PATH, WEATHER_PATH
and PLANES_PATH name them.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

NAMED = os.environ.get("FLIGHTS_PATH", "")
WEATHER_NAMED, PLANES_NAMED = (os.environ.get(name, "") for name in ("WEATHER_PATH", "PLANES_PATH"))
SAMPLES = ["generated", "real"] if Path(NAMED).is_file() else ["generated"]
ALL_ARE_REAL = all(Path(name).is_file() for name in (NAMED, WEATHER_NAMED, PLANES_NAMED))
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
    unknown = cancelled & (np.arange(count) % 3 == 0)  # to most of them an aircraft was assigned
    return pd.DataFrame(
        {
            "flight_id": np.arange(count),
            "scheduled_departure": scheduled.astype("datetime64[us]"),
            "departed_at": (scheduled + pd.to_timedelta(delay, unit="min")).astype("datetime64[us]").mask(cancelled),
            "carrier": np.take(carriers, carrier),
            "flight": random.integers(1, 3_000, count),
            "tailnum": pd.Series(random.choice([f"N{number}" for number in range(60)], count)).mask(unknown),
            "origin": np.take(airports, origin),
            "dest": random.choice(["BOS", "LAX", "MIA", "ORD"], count),
            "distance": random.integers(180, 2_600, count),
            "air_time": pd.Series(random.integers(30, 360, count).astype(float)).mask(cancelled),
            "dep_delay": pd.Series(delay).mask(cancelled),
            "arr_delay": pd.Series(delay + random.integers(-20, 30, count)).mask(cancelled),
        }
    )


def weather(sample: str, first: date = FIRST, last: date = LAST) -> pd.DataFrame:
    """The hourly weather of `first` to `last` at the three airports, with the columns of `WEATHER` and `day`."""
    raw = generated_weather(first, last) if sample == "generated" else pd.read_parquet(WEATHER_NAMED)
    days = raw.observed_at.dt.date
    raw = raw[(days >= first) & (days <= last)]
    return raw.assign(day=days.loc[raw.index])[["origin", "observed_at", "wind_speed", "precip", "visib", "day"]]


def generated_weather(first: date, last: date) -> pd.DataFrame:
    """An observation an hour and airport; of some nothing was measured."""
    hours = pd.date_range(first, last + timedelta(days=1), freq="h", inclusive="left").as_unit("us")
    made = pd.MultiIndex.from_product([["EWR", "JFK", "LGA"], hours], names=["origin", "observed_at"]).to_frame(False)
    random = np.random.default_rng(1)
    measured = pd.DataFrame(
        {
            "wind_speed": random.gamma(3, 4, len(made)).round(1),
            "precip": np.maximum(random.normal(-0.1, 0.1, len(made)), 0).round(2),
            "visib": random.uniform(0, 10, len(made)).round(1),
        }
    )
    return made.join(measured.mask(random.random(measured.shape) < 0.02))


def planes(sample: str) -> pd.DataFrame:
    """The aircraft, with the columns of `PLANES` and `day`; of the real ones no registration is known but the first."""
    raw = generated_planes() if sample == "generated" else pd.read_parquet(PLANES_NAMED)
    if "known_from" not in raw:
        raw = raw.assign(known_from=pd.Timestamp("2000-01-01").as_unit("us"))
    return raw.astype({"seats": "Int32"})[["tailnum", "known_from", "seats", "engine"]].assign(
        day=raw.known_from.dt.date
    )


def generated_planes() -> pd.DataFrame:
    """Fifty of sixty aircraft, known for years; every other one is registered anew in the ten days."""
    random, seats = np.random.default_rng(2), np.arange(100, 150)
    tailnum = pd.Series([f"N{number}" for number in range(50)])
    first = pd.DataFrame({"tailnum": tailnum, "known_from": pd.Timestamp(2004, 5, 1), "seats": seats})
    anew = first.iloc[::2].assign(seats=seats[::2] * 2)
    hours = pd.to_timedelta(random.integers(1, 9 * 24, len(anew)), unit="h")
    made = pd.concat([first, anew.assign(known_from=pd.Timestamp(FIRST) + hours)], ignore_index=True)
    return made.assign(engine=random.choice(["Turbo-fan", "Turbo-prop"], len(made))).astype(
        {"known_from": "datetime64[us]"}
    )


def as_events(spark: SparkSession, frame: pd.DataFrame, folder: Path, name: str = "flights") -> DataFrame:
    """Events as Spark reads them, times without a zone as in every table of a project."""
    times = {each: frame[each].dt.tz_localize("UTC") for each in frame.select_dtypes("datetime")}
    file = folder / f"{name}.parquet"
    frame.assign(**times).to_parquet(file, index=False)
    return spark.read.parquet(str(file))
