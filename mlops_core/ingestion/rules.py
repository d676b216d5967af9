"""The rules that a trip must keep to be accepted, with their limits.

A drop-off or a fare that is null breaks none: it is not known yet. What a source could not read is no such null, it
has a `SOURCE_PROBLEM`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from mlops_core.ingestion.columns import RAW_COLUMNS
from mlops_core.ingestion.set_back import repeated_hours
from my_mlops_stacks.events import TRIPS

PICKUP, DROPOFF, FARE, DISTANCE = TRIPS.event_time, TRIPS.known_at, TRIPS.label_column, "trip_distance"

FIRST_PICKUP_DAY = date(2009, 1, 1)
"""The commission's records begin here: an earlier pickup is a broken clock's."""
CLOCK_TOLERANCE = timedelta(hours=1)
"""By so much a taxi's clock may be ahead of ours: of clocks that are set back, one is for an hour."""
MIN_FARE, MAX_FARE = 0.01, 10_000.0
"""USD. Features sum fares as integers, which hold 90 billion of the largest."""
MAX_DISTANCE = 1_000.0
"""Miles."""
MAX_ZIP = 99_999

Rule = tuple[Column, str | Column]
"""Whether a row breaks it (null: no), and the reason that the row is rejected with, a text or a column of texts."""


def rules(now: datetime) -> list[Rule]:
    """All rules, in the order of their reasons; `now` is what the wall clock of the trips says."""
    return [*_rules_of_columns(), *_rules_of_amounts(), *_rules_of_clocks(now), *_rules_of_zips()]


def broken(rules: Sequence[Rule]) -> Column:
    """Whether a row breaks a rule; never null."""
    return F.coalesce(reduce(or_, (is_broken for is_broken, _ in rules)), F.lit(False))


def reasons(rules: Sequence[Rule]) -> Column:
    """The reasons of the rules that a row breaks, separated by '; '."""
    return F.concat_ws("; ", *(F.when(is_broken, reason) for is_broken, reason in rules))


def _rules_of_columns() -> list[Rule]:
    doubles = [name for name, (kind, _) in RAW_COLUMNS.items() if kind == "double"]
    required = [name for name in RAW_COLUMNS if name not in (TRIPS.known_at, TRIPS.label_column)]
    return [
        *((F.col(name).isNull(), f"null in {name}") for name in required),
        *((F.isnan(name), f"NaN in {name}") for name in doubles),
        *((F.abs(name) == float("inf"), f"infinite {name}") for name in doubles),
    ]


def _rules_of_amounts() -> list[Rule]:
    return [
        (F.col(FARE) <= 0, "fare not positive"),
        ((F.col(FARE) > 0) & (F.col(FARE) < MIN_FARE), f"fare below {MIN_FARE} USD"),
        (_above(FARE, MAX_FARE), f"fare above {MAX_FARE:,.0f} USD"),
        (F.col(DISTANCE) <= 0, "distance not positive"),
        (_above(DISTANCE, MAX_DISTANCE), f"distance above {MAX_DISTANCE:,.0f} mi"),
    ]


def _rules_of_zips() -> list[Rule]:
    zips = [name for name, (kind, _) in RAW_COLUMNS.items() if kind == "int"]
    return [(~F.col(name).between(1, MAX_ZIP), f"{name} not a US zip") for name in zips]


def _above(column: str, limit: float) -> Column:
    """Above the limit, and a finite number: others have reasons of their own."""
    return (F.col(column) > limit) & (F.col(column) < float("inf"))


def _rules_of_clocks(now: datetime) -> list[Rule]:
    first, latest = (_literal(at) for at in (datetime.combine(FIRST_PICKUP_DAY, time()), now + CLOCK_TOLERANCE))
    return [
        (F.col(PICKUP) < first, f"pickup before {FIRST_PICKUP_DAY}"),
        (F.col(PICKUP) > latest, "pickup in the future"),
        (F.col(DROPOFF) > latest, "drop-off in the future"),
        # A CASE, so that the nights are only looked through for rows that need it.
        (F.when(F.col(DROPOFF) <= F.col(PICKUP), ~_over_a_set_back(now.year)), "drop-off not after pickup"),
    ]


def _over_a_set_back(last_year: int) -> Column:
    """Both times are in the hour that clocks show twice: the trip began in its first pass and ended in its second."""
    hours = repeated_hours(TRIPS.time_zone, FIRST_PICKUP_DAY.year, last_year)
    nights = ((_literal(start), _literal(end)) for start, end in hours)
    return reduce(or_, ((F.col(PICKUP) < end) & (F.col(DROPOFF) >= start) for start, end in nights), F.lit(False))


def _literal(at: datetime) -> Column:
    """In the session's time zone, which is the wall clock's: `F.lit` would take the zone of the Python process."""
    return F.lit(at.isoformat(sep=" ")).cast("timestamp")
