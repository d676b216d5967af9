"""How a ride is drawn: when, from where, how far, and what its fare is made of. `city` has the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

import numpy as np

from my_mlops_stacks.ingestion import city

_DISTANCE_SPREAD, _SURGE_SPREAD, _DEMAND_SPREAD = 0.44, 0.16, 0.40  # standard deviations of logarithms
_NODES = 6  # points a day between which the surge of a zip moves along a straight line: one in 4 hours
_KEPT, _REMEMBERED_DAYS = 0.9, 6  # how much of its heat a market has at the next node, and when all of it is forgotten
_SHORTEST_MILES = 0.1
_DAY_SECONDS, _SATURDAY = 86_400, 5


class Stream(IntEnum):
    """What random numbers are for: each has a stream of its own, so that drawing more of one leaves the others."""

    DEMAND = 0
    MARKET = 1
    UNIFORM = 2
    NORMAL = 3


@dataclass(frozen=True)
class Rides:
    """What is set when the trips of one day begin: one element a trip, and places as indices of `city.ZIPS`."""

    seed: int
    day: date
    second: np.ndarray
    pickup: np.ndarray
    dropoff: np.ndarray
    miles: np.ndarray

    @property
    def weekend(self) -> int:
        return int(self.day.weekday() >= _SATURDAY)

    @property
    def hour(self) -> np.ndarray:
        return self.second // 3600


def random_numbers(seed: int, day: date, stream: Stream) -> np.random.Generator:
    """The random numbers of a day, whatever other days are drawn."""
    return np.random.default_rng([seed, day.toordinal(), stream])


def mean_one(spread: float, normal: np.ndarray) -> np.ndarray:
    """Log-normal factors whose mean is 1, so that noise widens a fare and never moves it."""
    return np.exp(spread * normal - spread**2 / 2)


def _market(seed: int, day: date) -> np.ndarray:
    """[node, zip]: how heated the market of a zip is, at 0, 4, ..., 24 o'clock; the last is the next day's first.

    Shocks come at each node and fade: half of one is left after a day. The variance is 1.
    """
    days = [day + timedelta(days=i) for i in range(-_REMEMBERED_DAYS, 2)]
    shape = (_NODES, len(city.ZIPS))
    shocks = np.vstack([random_numbers(seed, each, Stream.MARKET).standard_normal(shape) for each in days])
    left = _KEPT ** np.arange(_REMEMBERED_DAYS * _NODES)[::-1]
    left /= np.sqrt(np.sum(left**2))
    return np.array([left @ shocks[node + 1 : node + 1 + len(left)] for node in range(_NODES + 1)])


def _heat(market: np.ndarray, second: np.ndarray, pickup: np.ndarray) -> np.ndarray:
    """The market's heat at a second of the day and zips, on the straight line between two nodes."""
    node, along = np.divmod(second * (_NODES / _DAY_SECONDS), 1)
    node = node.astype(int)
    return market[node, pickup] * (1 - along) + market[node + 1, pickup] * along


def draw_rides(seed: int, day: date, uniform: np.ndarray, normal: np.ndarray) -> Rides:
    """One ride for each row of three uniform numbers and a normal one."""
    hour, pickup = _hours_and_pickups(seed, day, uniform[:, 0])
    second = hour * 3600 + (3600 * uniform[:, 1]).astype(int)
    dropoff = _dropoffs(pickup, uniform[:, 2])
    miles = city.TYPICAL_MILES[pickup, dropoff] * np.exp(_DISTANCE_SPREAD * normal)
    return Rides(seed, day, second, pickup, dropoff, np.maximum(np.round(miles, 2), _SHORTEST_MILES))


def _hours_and_pickups(seed: int, day: date, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hours and places of pickup: the hours by the city's shares, and within an hour the zips by their demand."""
    hours, zips = np.arange(24), np.arange(len(city.ZIPS))
    heat = _heat(_market(seed, day), 3600 * hours[:, None] + 1800, zips[None, :])
    weight = city.PICKUPS * city.HOUR_TILT * np.exp(_DEMAND_SPREAD * heat)
    weight *= city.HOUR_SHARE[int(day.weekday() >= _SATURDAY)][:, None] / weight.sum(axis=1, keepdims=True)
    reached = np.cumsum(weight)
    cell = np.searchsorted(reached, uniform * reached[-1], side="right").clip(max=weight.size - 1)
    return np.divmod(cell, len(zips))


_DROPOFFS_REACHED = (city.DROPOFF_SHARE.cumsum(axis=1) + np.arange(len(city.ZIPS))[:, None]).ravel()


def _dropoffs(pickup: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Places of drop-off: one search in all cumulated shares, those from place i reaching from i to i + 1."""
    found = np.searchsorted(_DROPOFFS_REACHED, pickup + uniform, side="right")
    return (found - pickup * len(city.ZIPS)).clip(0, len(city.ZIPS) - 1)


def expected_minutes(rides: Rides) -> np.ndarray:
    """The minutes that the traffic of the hour needs for the distance, on average."""
    speed = city.MILE_SPEED[rides.weekend][rides.hour] * rides.miles**city.SPEED_EXPONENT
    return 60 * rides.miles / speed


def fares(rides: Rides, minutes: np.ndarray, meter: np.ndarray) -> np.ndarray:
    """Fares in USD, linear in `minutes` and `meter`: the mean fare is the fare of their means."""
    surge = mean_one(_SURGE_SPREAD, _heat(_market(rides.seed, rides.day), rides.second, rides.pickup))
    fare = city.FLAG + city.PER_MILE * rides.miles + city.PER_MINUTE * minutes
    fare += city.SURCHARGE[rides.weekend][rides.hour]
    of_jfk = (city.ZIPS[rides.pickup] == city.JFK) & city.IN_MANHATTAN[rides.dropoff]
    to_jfk = (city.ZIPS[rides.dropoff] == city.JFK) & city.IN_MANHATTAN[rides.pickup]
    return np.where(of_jfk | to_jfk, city.JFK_FLAT_FARE, fare * city.PRICE_LEVEL[rides.pickup] * surge * meter)
