"""Generated trips that are statistically like New York's, one parquet file a day, the same for the same seed.

A day depends on the seed and its date only: its first n trips are the same however many it has and whatever other
days are generated. So a bigger data set contains the smaller one, and a day can be made again alone.

What explains a fare: the distance, the minutes that the hour's traffic needs for it, surcharges at night and in the
rush hours, the price level of the zip of pickup, and the *surge* there: a price that wanders over hours with the
demand of the zip. No column says the surge, but the recent fares of the zip do. See `NOISE_FLOOR_USD` for the rest.
"""

from __future__ import annotations

import logging
import math
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from my_mlops_stacks.ingestion import city

logger = logging.getLogger(__name__)

GENERATOR_VERSION = 1
"""Counts up whenever the same arguments would give other trips."""

NOISE_FLOOR_USD = 2.13
"""The RMSE, in USD, of the best possible prediction of a valid trip's fare from all that is set at its pickup.

That is: date and time, zips, distance and the *true* surge. What stays unknown is how long the trip will take
(traffic: a spread of 35 % around the expected minutes, at 0.32 USD a minute) and the meter's own spread of 6 %. It is
the root of the mean variance that those two give to the generator's trips; `expected_fares` is the prediction that
reaches it. A model knows the surge only from recent fares, so it ends above the floor. The floor is that of the
usual regime: from `drift_from` on it rises by the drift factor, as the fares do.
"""

INVALID_SHARE = 0.0039
"""The share of trips that cannot be right, as in the real data (39 of 10,000): see `_spoil`."""
DUPLICATE_SHARE = 0.0005
"""The share of trips that repeat another one exactly."""

_DISTANCE_SPREAD, _MINUTES_SPREAD, _METER_SPREAD = 0.44, 0.35, 0.06  # standard deviations of logarithms
_SURGE_SPREAD, _DEMAND_SPREAD, _DAY_SPREAD = 0.16, 0.40, 0.06
_NODES = 6  # points a day between which the surge of a zip moves along a straight line: one in 4 hours
_DAY_SECONDS, _SATURDAY = 86_400, 5
_DAY_STREAM, _MARKET_STREAM, _UNIFORM_STREAM, _NORMAL_STREAM = range(4)


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
    """Write exactly `rows` raw trips into `folder`, one file `trips-YYYY-MM-DD.parquet` per day of pickup.

    Args:
        folder: made when needed; files of the same days are replaced, each in one step.
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
    for day, count in trips_per_day(rows, seed, first_day, last_day).items():
        if count:
            factor = drift_factor if drift_from is not None and day >= drift_from else 1.0
            _write(trips_of_day(day, count, seed, factor), folder / f"trips-{day}.parquet")
    logger.info("Generated %s trips from %s to %s in %s", f"{rows:,}", first_day, last_day, folder)


def trips_per_day(rows: int, seed: int, first_day: date, last_day: date) -> dict[date, int]:
    """How many of `rows` trips each day has: by its weekday's demand and its own chance, in total exactly `rows`."""
    days = [first_day + timedelta(days=i) for i in range((last_day - first_day).days + 1)]
    chance = np.array([_random(seed, day, _DAY_STREAM).standard_normal() for day in days])
    demand = city.DAY_DEMAND[[day.weekday() for day in days]] * np.exp(_DAY_SPREAD * chance)
    exact = rows * demand / demand.sum()
    counts = np.floor(exact).astype(int)
    most_cut_off = np.argsort(counts - exact, kind="stable")[: rows - counts.sum()]
    counts[most_cut_off] += 1
    return dict(zip(days, counts.tolist(), strict=True))


def trips_of_day(day: date, count: int, seed: int, fare_factor: float = 1.0) -> pa.Table:
    """The first `count` trips of a day by the order in which they are drawn, sorted by pickup; the raw columns."""
    uniform = _random(seed, day, _UNIFORM_STREAM).random((count, 6))
    normal = _random(seed, day, _NORMAL_STREAM).standard_normal((count, 3))

    hour, pickup = _hours_and_zips(seed, day, uniform[:, 0])
    second = hour * 3600 + (3600 * uniform[:, 1]).astype(int)
    dropoff = _dropoffs(pickup, uniform[:, 2])
    miles = city.TYPICAL_MILES[pickup, dropoff] * np.exp(_DISTANCE_SPREAD * normal[:, 0])
    miles = np.maximum(np.round(miles, 2), 0.1)
    minutes = _expected_minutes(day, second, miles) * _mean_one(_MINUTES_SPREAD, normal[:, 1])
    seconds = np.maximum(60 * minutes, 30).astype(int)
    fare = _fares(seed, day, second, pickup, dropoff, miles, minutes, _mean_one(_METER_SPREAD, normal[:, 2]))

    trips = {"miles": miles, "fare": fare * fare_factor, "seconds": seconds}
    _spoil(trips, pickup, dropoff, uniform[:, 3], uniform[:, 4])
    # A copy is of the trip drawn just before, which is never a copy itself.
    copies = uniform[:, 5] < DUPLICATE_SHARE
    copies[1:] &= ~copies[:-1]
    copies[:1] = False
    source = np.arange(count) - copies
    source = source[np.argsort(second[source], kind="stable")]
    return _table(day, second[source], pickup[source], dropoff[source], {name: v[source] for name, v in trips.items()})


def expected_fares(
    seed: int, day: date, second: np.ndarray, pickup_zip: np.ndarray, dropoff_zip: np.ndarray, miles: np.ndarray
) -> np.ndarray:
    """The mean fare in USD of valid trips given all that is set at their pickup: the prediction that nothing beats.

    Args:
        seed: the seed of the generated trips.
        day: the day of their pickup, before any drift.
        second: of the day, at pickup; like all arrays, one element a trip.
        pickup_zip: one of `city.ZIPS`.
        dropoff_zip: one of `city.ZIPS`.
        miles: the distance of the trip.
    """
    pickup, dropoff = np.searchsorted(city.ZIPS, pickup_zip), np.searchsorted(city.ZIPS, dropoff_zip)
    minutes = _expected_minutes(day, second, miles)
    return _fares(seed, day, second, pickup, dropoff, miles, minutes, np.ones(len(miles)))


def _random(seed: int, day: date, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, day.toordinal(), stream])


def _mean_one(spread: float, normal: np.ndarray) -> np.ndarray:
    """Log-normal factors whose mean is 1, so that noise widens a fare and never moves it."""
    return np.exp(spread * normal - spread**2 / 2)


def _is_weekend(day: date) -> int:
    return int(day.weekday() >= _SATURDAY)


def _market(seed: int, day: date) -> np.ndarray:
    """[node, zip]: how heated the market of a zip is, at 0, 4, ..., 24 o'clock; the last is the next day's first."""
    today, tomorrow = (_random(seed, d, _MARKET_STREAM) for d in (day, day + timedelta(days=1)))
    return np.vstack([today.standard_normal((_NODES, len(city.ZIPS))), tomorrow.standard_normal(len(city.ZIPS))])


def _heat(market: np.ndarray, second: np.ndarray, pickup: np.ndarray) -> np.ndarray:
    """The market's heat at a second of the day and zips, on the straight line between two nodes."""
    node, along = np.divmod(second * (_NODES / _DAY_SECONDS), 1)
    node = node.astype(int)
    return market[node, pickup] * (1 - along) + market[node + 1, pickup] * along


def _hours_and_zips(seed: int, day: date, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hours and places (in `city.ZIPS`) of pickup: the city's hours, and within an hour the zips by their demand."""
    hours, zips = np.arange(24), np.arange(len(city.ZIPS))
    heat = _heat(_market(seed, day), 3600 * hours[:, None] + 1800, zips[None, :])
    weight = city.PICKUPS * city.HOUR_TILT * np.exp(_DEMAND_SPREAD * heat)
    weight *= city.HOUR_SHARE[_is_weekend(day)][:, None] / weight.sum(axis=1, keepdims=True)
    reached = np.cumsum(weight)
    cell = np.searchsorted(reached, uniform * reached[-1], side="right").clip(max=weight.size - 1)
    return np.divmod(cell, len(zips))


_DROPOFFS_REACHED = (city.DROPOFF_SHARE.cumsum(axis=1) + np.arange(len(city.ZIPS))[:, None]).ravel()


def _dropoffs(pickup: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Places of drop-off: one search in all zips' cumulated shares, the row of zip i reaching from i to i + 1."""
    found = np.searchsorted(_DROPOFFS_REACHED, pickup + uniform, side="right")
    return found.clip(pickup * len(city.ZIPS), (pickup + 1) * len(city.ZIPS) - 1) - pickup * len(city.ZIPS)


def _expected_minutes(day: date, second: np.ndarray, miles: np.ndarray) -> np.ndarray:
    speed = city.MILE_SPEED[_is_weekend(day)][second // 3600] * miles**city.SPEED_EXPONENT
    return 60 * miles / speed


def _fares(
    seed: int,
    day: date,
    second: np.ndarray,
    pickup: np.ndarray,
    dropoff: np.ndarray,
    miles: np.ndarray,
    minutes: np.ndarray,
    meter: np.ndarray,
) -> np.ndarray:
    """Fares in USD, linear in `minutes` and `meter`: the mean fare is the fare of their means."""
    surge = _mean_one(_SURGE_SPREAD, _heat(_market(seed, day), second, pickup))
    metered = city.FLAG + city.PER_MILE * miles + city.PER_MINUTE * minutes
    metered += city.SURCHARGE[_is_weekend(day)][second // 3600]
    of_jfk = (city.ZIPS[pickup] == city.JFK) & city.IN_MANHATTAN[dropoff]
    to_jfk = (city.ZIPS[dropoff] == city.JFK) & city.IN_MANHATTAN[pickup]
    return np.where(of_jfk | to_jfk, city.JFK_FLAT_FARE, metered * city.PRICE_LEVEL[pickup] * surge * meter)


def _spoil(
    trips: dict[str, np.ndarray], pickup: np.ndarray, dropoff: np.ndarray, chosen: np.ndarray, kind: np.ndarray
) -> None:
    """Make `INVALID_SHARE` of the trips impossible in the ways of the real data: mostly trips that never started."""
    invalid = chosen < INVALID_SHARE
    never_started = invalid & (kind < 0.80)
    trips["miles"][never_started] = 0.0
    trips["seconds"][never_started] = trips["seconds"][never_started] % 60 + 1
    trips["fare"][never_started] = np.where(kind[never_started] < 0.60, 2.5, city.JFK_FLAT_FARE)
    dropoff[never_started] = pickup[never_started]
    trips["fare"][invalid & (kind >= 0.80) & (kind < 0.86)] = 0.0
    trips["fare"][invalid & (kind >= 0.86) & (kind < 0.94)] *= -1  # refunds
    trips["seconds"][invalid & (kind >= 0.94)] *= -1


def _table(
    day: date, second: np.ndarray, pickup: np.ndarray, dropoff: np.ndarray, trips: dict[str, np.ndarray]
) -> pa.Table:
    picked_up = np.datetime64(day, "us") + second.astype("timedelta64[s]")
    columns = {
        "tpep_pickup_datetime": picked_up,
        "tpep_dropoff_datetime": picked_up + trips["seconds"].astype("timedelta64[s]"),
        "trip_distance": trips["miles"],
        "fare_amount": np.round(trips["fare"], 2),
        "pickup_zip": city.ZIPS[pickup],
        "dropoff_zip": city.ZIPS[dropoff],
    }
    return pa.table(columns)


def _write(table: pa.Table, file: Path) -> None:
    """Write under a name that readers skip, then rename: nobody reads half a file, whoever writes at the same time."""
    unfinished = file.with_name(f".{file.name}.{uuid4().hex}")
    try:
        pq.write_table(table, unfinished, compression="zstd")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
