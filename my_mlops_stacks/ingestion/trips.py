"""What a trip is: raw trips of the right columns, and which of them are accepted.

Nothing is dropped in silence: every raw row ends up, once, either in the accepted trips or in the rejected ones with
all the reasons. Times are New York's wall clock without a zone, kept as Spark `timestamp` in a session whose time
zone is UTC, so that no clock shifts: the hour of a timestamp is the hour that the driver saw.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, IntegralType, NumericType, TimestampNTZType, TimestampType

from my_mlops_stacks.events import TRIPS
from my_mlops_stacks.ingestion.columns import RAW_COLUMNS, SOURCE_PROBLEM
from my_mlops_stacks.ingestion.days import ALL_DAYS, DROPOFF, PICKUP, TripDays
from my_mlops_stacks.ingestion.rules import Rule, broken, reasons, rules

logger = logging.getLogger(__name__)

_TYPES = {name: kind for name, (kind, _) in RAW_COLUMNS.items()}
DUPLICATE, SUPERSEDED = "duplicate", "superseded"
"""Why a valid row is kept aside: it equals another, or another one tells more of the same trip."""
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
    that tell less than another are rejected as `superseded`, in whatever order they come. Of trips that agree in all
    six columns one is accepted and the others are rejected as `duplicate`. Counting equal rows finds them at a third
    of the cost of numbering the rows in a window.

    Args:
        trips: raw trips from `conform`, of any number of rows.
        now: what the wall clock of New York says, without a zone; later times are rejected. Default: now.

    Returns:
        (accepted, rejected): the accepted trips, and the rejected ones with `reason` (the rules broken, in a fixed
        order, separated by '; '); both with `day`, as `TripDays` has it (null without any time).
    """
    stated = _all_rules(trips, now)
    distinct = trips.groupBy(*RAW_COLUMNS, *_source_problem(trips)).agg(F.count(F.lit(1)).cast("int").alias("copies"))
    distinct = distinct.join(_best_known(trips, broken(stated)), list(TRIPS.identity), "left")
    is_valid, is_superseded = ~broken(stated), F.coalesce(_known() < F.col("best_known"), F.lit(False))
    day = _day().alias("day")
    accepted = distinct.where(is_valid & ~is_superseded).select(*RAW_COLUMNS, day)
    reason = F.when(~is_valid, reasons(stated)).when(is_superseded, SUPERSEDED)
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
    return sum((F.col(name).isNotNull().cast("int") for name in (TRIPS.known_at, TRIPS.label)), F.lit(0))


def _best_known(trips: DataFrame, is_broken: Column) -> DataFrame:
    """How much the valid rows tell at best of each trip that has a row without drop-off or fare: `best_known`.

    Few trips have one, so joining them costs little beside grouping all of them.
    """
    identity, is_partial = list(TRIPS.identity), F.col(TRIPS.known_at).isNull() | F.col(TRIPS.label).isNull()
    partial = trips.where(is_partial).select(*identity).distinct()
    rows = trips.where(_known() > 0).join(partial, identity, "left_semi")
    return rows.groupBy(*identity).agg(F.max(F.when(~is_broken, _known())).alias("best_known"))
