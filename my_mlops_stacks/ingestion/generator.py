"""Generated trips that are statistically like New York's, as parquet files of whole days, the same for the same seed.

A day depends on the seed and its date only: its first n trips are the same however many it has and whatever other
days are generated. So a bigger data set contains the smaller one, and a day can be made again alone.

What explains a fare: the distance, the minutes that the hour's traffic needs for it, surcharges at night and in the
rush hours, the price level of the zip of pickup, and the *surge* there: a price that wanders over hours and days with
the demand of the zip. No column says the surge, but the recent fares of the zip do, the more of them the better. See
`NOISE_FLOOR_USD` for the rest.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from my_mlops_stacks.ingestion import city
from my_mlops_stacks.ingestion.rides import Rides, Stream, draw_rides, expected_minutes, fares, mean_one, random_numbers

logger = logging.getLogger(__name__)

SMALLEST_FILE = 1_000
"""Trips. Days with fewer share a file: a file of ten trips takes as long to read as one of a thousand."""

NOISE_FLOOR_USD = 2.19
"""The RMSE, in USD, of the best possible prediction of a valid trip's fare from all that is set at its pickup.

That is: date and time, zips, distance and the *true* surge. What stays unknown is how long the trip will take
(traffic: a spread of 35 % around the expected minutes, at 0.32 USD a minute) and the meter's own spread of 6 %. It is
the root of the mean variance that those two give to the generator's trips; `expected_fares` is the prediction that
reaches it. A model knows the surge only from recent fares, so it ends above the floor. The floor is that of the
usual regime: from `drift_from` on it rises by the drift factor, as the fares do.
"""

INVALID_SHARE = 0.0039
"""The share of trips that cannot be right, as in the real data (39 of 10,000)."""
DUPLICATE_SHARE = 0.0005
"""The share of trips that repeat another one exactly."""

_MINUTES_SPREAD, _METER_SPREAD = 0.35, 0.06  # standard deviations of logarithms
_DAY_SPREAD = 0.06
_SHORTEST_SECONDS = 30
_CANCELLED, _CANCELLED_AT_FLAT_FARE, _FREE, _REFUND, _CLOCK_BACK, _SOUND = range(6)
_BROKEN_REACHED = np.cumsum([0.60, 0.20, 0.06, 0.08])  # what is left are the clocks put back


def generate_trips(
    folder: Path,
    *,
    rows: int,
    seed: int,
    first_day: date,
    last_day: date,
    drift_from: date | None = None,
    drift_factor: float = 1.25,
) -> None:
    """Write exactly `rows` raw trips into `folder`, as files of whole days in order, each named by its first day.

    A file `trips-YYYY-MM-DD.parquet` ends with the day that brings it to `SMALLEST_FILE` trips, or with the last one.

    Args:
        folder: made when needed; files of the same arguments are replaced, each in one step.
        rows: trips in total, valid or not; a day's part follows its demand, and a day without trips has no file.
        seed: at least 0; the same arguments give the same trips.
        first_day: the first day of pickup, New York's.
        last_day: the last day of pickup, included.
        drift_from: the day from which on every fare is multiplied by `drift_factor`; None for never.
        drift_factor: more than 0.

    Raises:
        ValueError: an argument is out of its range.
    """
    if rows < 1 or seed < 0 or last_day < first_day or drift_factor <= 0:
        raise ValueError(
            f"Trips can be generated for rows >= 1, seed >= 0, first_day <= last_day and drift_factor > 0; "
            f"got rows={rows}, seed={seed}, first_day={first_day}, last_day={last_day}, drift_factor={drift_factor}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    waiting: dict[date, pa.Table] = {}
    for day, count in trips_per_day(rows, seed, first_day, last_day).items():
        if count:
            factor = drift_factor if drift_from is not None and day >= drift_from else 1.0
            waiting[day] = trips_of_day(day, count, seed, factor)
        if waiting and (day == last_day or sum(map(len, waiting.values())) >= SMALLEST_FILE):
            _write(pa.concat_tables(waiting.values()), folder / f"trips-{min(waiting)}.parquet")
            waiting.clear()
    logger.info("Generated %s trips from %s to %s in %s", f"{rows:,}", first_day, last_day, folder)


def trips_per_day(rows: int, seed: int, first_day: date, last_day: date) -> dict[date, int]:
    """How many of `rows` trips each day has: by its weekday's demand and its own chance, in total exactly `rows`."""
    days = [first_day + timedelta(days=i) for i in range((last_day - first_day).days + 1)]
    chance = np.array([random_numbers(seed, day, Stream.DEMAND).standard_normal() for day in days])
    demand = city.DAY_DEMAND[[day.weekday() for day in days]] * np.exp(_DAY_SPREAD * chance)
    exact = rows * demand / demand.sum()
    counts = np.floor(exact).astype(int)
    most_cut_off = np.argsort(counts - exact, kind="stable")[: rows - counts.sum()]
    counts[most_cut_off] += 1
    return dict(zip(days, counts.tolist(), strict=True))


def trips_of_day(day: date, count: int, seed: int, fare_factor: float = 1.0) -> pa.Table:
    """The first `count` trips of a day in the order in which they are drawn, sorted by pickup; the raw columns."""
    uniform = random_numbers(seed, day, Stream.UNIFORM).random((count, 6))
    normal = random_numbers(seed, day, Stream.NORMAL).standard_normal((count, 3))
    rides = draw_rides(seed, day, uniform[:, :3], normal[:, 0])
    minutes = expected_minutes(rides) * mean_one(_MINUTES_SPREAD, normal[:, 1])
    meter = mean_one(_METER_SPREAD, normal[:, 2])
    trips = _columns(rides, minutes, fares(rides, minutes, meter) * fare_factor)
    table = _spoilt(trips, uniform[:, 3], uniform[:, 4])
    # A copy is of the trip drawn just before, which is never a copy itself.
    copies = uniform[:, 5] < DUPLICATE_SHARE
    copies[1:] &= ~copies[:-1]
    copies[:1] = False
    return table.take(np.arange(count) - copies).sort_by("tpep_pickup_datetime")


def expected_fares(
    *, seed: int, day: date, second: np.ndarray, pickup_zip: np.ndarray, dropoff_zip: np.ndarray, miles: np.ndarray
) -> np.ndarray:
    """The mean fare in USD of valid trips given all that is set at their pickup: the prediction that nothing beats.

    Args:
        seed: the seed of the generated trips.
        day: the day of their pickup, before any drift.
        second: of the day, at pickup; like all arrays, one element a trip.
        pickup_zip: from `city.ZIPS`.
        dropoff_zip: from `city.ZIPS`.
        miles: the distance of the trip.
    """
    pickup, dropoff = np.searchsorted(city.ZIPS, pickup_zip), np.searchsorted(city.ZIPS, dropoff_zip)
    rides = Rides(seed, day, second, pickup, dropoff, miles)
    return fares(rides, expected_minutes(rides), np.ones(len(miles)))


def _columns(rides: Rides, minutes: np.ndarray, fare: np.ndarray) -> dict[str, np.ndarray]:
    picked_up = np.datetime64(rides.day, "us") + rides.second.astype("timedelta64[s]")
    seconds = np.maximum(60 * minutes, _SHORTEST_SECONDS).astype("timedelta64[s]")
    return {
        "tpep_pickup_datetime": picked_up,
        "tpep_dropoff_datetime": picked_up + seconds,
        "trip_distance": rides.miles,
        "fare_amount": np.round(fare, 2),
        "pickup_zip": city.ZIPS[rides.pickup],
        "dropoff_zip": city.ZIPS[rides.dropoff],
    }


def _spoilt(trips: dict[str, np.ndarray], chosen: np.ndarray, kind: np.ndarray) -> pa.Table:
    """The trips, with `INVALID_SHARE` of them made impossible in the ways of the real data: most never started."""
    broken = np.where(chosen < INVALID_SHARE, np.searchsorted(_BROKEN_REACHED, kind), _SOUND)
    never_started = (broken == _CANCELLED) | (broken == _CANCELLED_AT_FLAT_FARE)
    pickup, dropoff = trips["tpep_pickup_datetime"], trips["tpep_dropoff_datetime"]
    took = dropoff - pickup
    took[never_started] %= np.timedelta64(1, "m")
    took[broken == _CLOCK_BACK] *= -1
    fare = trips["fare_amount"]
    fare[broken == _CANCELLED], fare[broken == _CANCELLED_AT_FLAT_FARE] = city.SHORTEST_FARE, city.JFK_FLAT_FARE
    fare[broken == _FREE] = 0.0
    fare[broken == _REFUND] *= -1
    return pa.table(
        trips
        | {
            "tpep_dropoff_datetime": pickup + took,
            "trip_distance": np.where(never_started, 0.0, trips["trip_distance"]),
            "dropoff_zip": np.where(never_started, trips["pickup_zip"], trips["dropoff_zip"]),
        }
    )


def _write(table: pa.Table, file: Path) -> None:
    """Write under a name that readers skip, then rename: nobody reads half a file, whoever writes at the same time."""
    unfinished = file.with_name(f".{file.name}.{uuid4().hex}")
    try:
        pq.write_table(table, unfinished, compression="zstd")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
