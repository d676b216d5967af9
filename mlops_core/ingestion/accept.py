"""What a trip is: raw trips of the right columns, and which of them are accepted.

Nothing is dropped in silence: every raw row ends up, once, either in the accepted trips or in the rejected ones with
all the reasons. Times are New York's wall clock without a zone, kept as Spark `timestamp` in a session whose time
zone is UTC, so that no clock shifts: the hour of a timestamp is the hour that the driver saw.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, IntegralType, NumericType, TimestampNTZType, TimestampType

from mlops_core.ingestion.columns import RAW_COLUMNS, SOURCE_PROBLEM
from mlops_core.ingestion.days import ALL_DAYS, DROPOFF, PICKUP, TripDays
from mlops_core.ingestion.rules import Rule, broken, reasons, rules
from my_mlops_stacks.events import TRIPS

logger = logging.getLogger(__name__)

_TYPES = {name: kind for name, (kind, _) in RAW_COLUMNS.items()}
DUPLICATE, SUPERSEDED, CONFLICTING = "duplicate", "superseded", "conflicts with another row of the trip"
"""Why a valid row is kept aside: it equals another; another one tells more of the trip, or something else of it."""
_ALLOWED: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "timestamp": ((TimestampType, TimestampNTZType), "timestamp or timestamp_ntz"),
    "double": ((NumericType,), "a number"),
    "int": ((IntegralType,), "an integer"),
}
_REASONS_SHOWN = 5


class InvalidTripsError(ValueError):
    """The input as a whole cannot be taken for trips; single bad rows are rejected instead."""


def conform(raw: DataFrame, days: TripDays = ALL_DAYS) -> DataFrame:
    """The trips of `days`, with the columns of `RAW_COLUMNS` in that order and of those types.

    `SOURCE_PROBLEM` is kept; other columns are left out, with a log line. A zip too large for an integer becomes null,
    so that `accept` rejects its trip.

    Raises:
        InvalidTripsError: a column is missing, or is of a type that does not hold such values.
    """
    missing = [name for name in RAW_COLUMNS if name not in raw.columns]
    if missing:
        raise InvalidTripsError(
            f"Trips lack the columns {', '.join(missing)}; they have: {', '.join(raw.columns) or 'none'}. "
            f"Expected: {', '.join(f'{name} ({kind})' for name, kind in _TYPES.items())}."
        )
    wrong = [_type_problem(name, raw.schema[name].dataType) for name in RAW_COLUMNS]
    if any(wrong):
        raise InvalidTripsError(f"Trips have columns of the wrong type: {'; '.join(filter(None, wrong))}.")
    extra = [name for name in raw.columns if name not in (*RAW_COLUMNS, SOURCE_PROBLEM)]
    if extra:
        logger.info("Trips have columns that are not used: %s", ", ".join(extra))
    columns = [F.col(name).try_cast(kind).alias(name) for name, kind in _TYPES.items()]
    return days.of(raw).select(*columns, *_source_problem(raw))


def accept(trips: DataFrame, now: datetime | None = None) -> tuple[DataFrame, DataFrame]:
    """Divide conformed trips into accepted ones and rejected ones; every row is in exactly one of the two.

    A trip is accepted before its drop-off and its fare are known. Of valid rows of one trip (`TRIPS.identity`) those
    that tell less than another are rejected as `superseded`, in whatever order they come. Of several that tell as much
    and not the same, such as two fares, the one with the latest drop-off and then the highest fare is accepted, for no
    order of deliveries is known, and the others are rejected as conflicting. Of rows that agree in all six columns one
    is taken and the others are rejected as `duplicate`. So an accepted trip's identity is its own. Counting equal rows
    finds them at a third of the cost of numbering the rows in a window.

    Args:
        trips: raw trips from `conform`, of any number of rows.
        now: what the wall clock of New York says, without a zone; later times are rejected. Default: now.

    Returns:
        (accepted, rejected): the accepted trips, and the rejected ones with `reason` (the rules broken, in a fixed
        order, separated by '; '); both with `day`, as `TripDays` has it (null without any time).
    """
    stated = _all_rules(trips, now)
    distinct = trips.groupBy(*RAW_COLUMNS, *_source_problem(trips)).agg(F.count(F.lit(1)).cast("int").alias("copies"))
    distinct = distinct.join(_best_of_several(trips.where(~broken(stated))), list(TRIPS.identity), "left")
    is_valid, is_best = ~broken(stated), F.coalesce(_same(_told(), "best"), F.lit(True))
    day = _day().alias("day")
    accepted = distinct.where(is_valid & is_best).select(*RAW_COLUMNS, day)
    tells_less = _known() < F.col("best.known")
    reason = F.when(~is_valid, reasons(stated)).when(~is_best, F.when(tells_less, SUPERSEDED).otherwise(CONFLICTING))
    copies = distinct.select(*RAW_COLUMNS, "copies", reason.alias("why"), day)
    copies = copies.where(F.col("why").isNotNull() | (F.col("copies") > 1))
    copies = copies.withColumn("copy", F.explode(F.sequence(F.lit(1), "copies")))
    reason = F.concat_ws("; ", "why", F.when(F.col("copy") > 1, DUPLICATE))
    rejected = copies.where(F.col("why").isNotNull() | (F.col("copy") > 1))
    return accepted, rejected.select(*RAW_COLUMNS, reason.alias("reason"), "day")


def require_acceptable(trips: DataFrame, days: TripDays, now: datetime | None = None) -> None:
    """Stop before days of a table are replaced by nothing; on good input it reads no further than the first good trip.

    Args:
        trips: raw trips from `conform`, of `days`.
        now: as `accept` has it.

    Raises:
        InvalidTripsError: there are no trips, or `accept` would reject every one; the most frequent reasons are named.
    """
    stated = _all_rules(trips, now)
    if trips.where(~broken(stated)).take(1):
        return
    judged = trips.select(reasons(stated).alias("reason"))
    counts = judged.groupBy("reason").count().orderBy(F.desc("count"), "reason").limit(_REASONS_SHOWN).collect()
    if not counts:
        raise InvalidTripsError(f"There are no trips{days} in the input: give it at least one row.")
    most_frequent = ", ".join(f"{row['reason']} ({row['count']:,})" for row in counts)
    raise InvalidTripsError(f"Every trip{days} in the input is invalid, none is left; most frequent: {most_frequent}.")


def _day() -> Column:
    """The day of a trip; of times beyond the years that dates have, the first or the last of these."""
    first, last = (F.lit(day).cast("timestamp") for day in ("0001-01-01", "9999-12-31"))
    time = F.coalesce(PICKUP, DROPOFF)
    return F.to_date(F.when(time.isNotNull(), F.greatest(F.least(time, last), first)))


def _type_problem(name: str, found: DataType) -> str | None:
    allowed, words = _ALLOWED[_TYPES[name]]
    return None if isinstance(found, allowed) else f"{name} is {found.simpleString()}, expected {words}"


def _source_problem(trips: DataFrame) -> list[Column]:
    """The column of that name, where the source has one."""
    return [F.col(SOURCE_PROBLEM)] if SOURCE_PROBLEM in trips.columns else []


def _all_rules(trips: DataFrame, now: datetime | None) -> Sequence[Rule]:
    problems = [(problem.isNotNull(), problem) for problem in _source_problem(trips)]
    return [*problems, *rules(now or TRIPS.clock())]


def _known() -> Column:
    """How many of drop-off and fare a row tells."""
    return sum((F.col(name).isNotNull().cast("int") for name in (TRIPS.known_at, TRIPS.label_column)), F.lit(0))


def _told() -> dict[str, Column]:
    """What a row tells beside what identifies its trip, in the order in which one row is preferred to another."""
    never = F.lit("0001-01-01").cast("timestamp")
    drop_off, fare = F.coalesce(F.col(TRIPS.known_at), never), F.coalesce(F.col(TRIPS.label_column), F.lit(0.0))
    return {"known": _known(), "drop_off": drop_off, "fare": fare}


def _same(told: Mapping[str, Column], struct: str) -> Column:
    """Whether all is as in the column `struct`; null without one. Sail 0.7 compares no structs of other nullability."""
    return reduce(and_, (value == F.col(f"{struct}.{name}") for name, value in told.items()))


def _best_of_several(valid: DataFrame) -> DataFrame:
    """The `best` that is told of each trip of which the valid rows tell different things; there are few."""
    told = F.struct(*(value.alias(name) for name, value in _told().items()))
    both = valid.groupBy(*TRIPS.identity).agg(F.max(told).alias("best"), F.min(told).alias("worst"))
    differs = ~_same({name: F.col(f"worst.{name}") for name in _told()}, "best")
    return both.where(differs).drop("worst")
