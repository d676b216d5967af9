"""What a trip is: raw trips of the right columns, and which of them are accepted.

Nothing is dropped in silence: every raw row ends up, once, either in the accepted trips or in the rejected ones with
all the reasons. Times are New York's wall clock without a zone, kept as Spark `timestamp` in a session whose time
zone is UTC, so that no clock shifts: the hour of a timestamp is the hour that the driver saw.
"""

from __future__ import annotations

import logging

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, IntegralType, NumericType, TimestampNTZType, TimestampType

from my_mlops_stacks.ingestion.columns import RAW_COLUMNS, SOURCE_PROBLEM
from my_mlops_stacks.ingestion.days import ALL_DAYS, DROPOFF, PICKUP, TripDays

logger = logging.getLogger(__name__)

_TYPES = {name: kind for name, (kind, _) in RAW_COLUMNS.items()}
DUPLICATE = "duplicate"
_ALLOWED: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "timestamp": ((TimestampType, TimestampNTZType), "timestamp or timestamp_ntz"),
    "double": ((NumericType,), "a number"),
    "int": ((IntegralType,), "an integer"),
}
_LARGEST_ZIP = 99_999
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


def accept(trips: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Divide conformed trips into accepted ones and rejected ones; every row is in exactly one of the two.

    Of trips that agree in all six columns one is accepted and the others are rejected as `duplicate`. Counting equal
    rows finds them at a third of the cost of numbering the rows in a window, and the result does not depend on which
    copy comes first.

    Args:
        trips: raw trips from `conform`, of any number of rows.

    Returns:
        (accepted, rejected): the accepted trips, and the rejected ones with `reason` (the rules broken, in a fixed
        order, separated by '; '); both with `day`, as `TripDays` has it (null without any time).
    """
    problem = _source_problem(trips)
    distinct = trips.groupBy(*RAW_COLUMNS, *problem).agg(F.count(F.lit(1)).cast("int").alias("copies"))
    distinct = distinct.withColumn("reason", _rules_broken(problem))
    is_valid, day = F.col("reason") == "", F.to_date(F.coalesce(PICKUP, DROPOFF)).alias("day")
    accepted = distinct.where(is_valid).select(*RAW_COLUMNS, day)
    copies = distinct.where(~is_valid | (F.col("copies") > 1))
    copies = copies.withColumn("copy", F.explode(F.sequence(F.lit(1), "copies")))
    reason = F.concat_ws("; ", F.when(~is_valid, F.col("reason")), F.when(F.col("copy") > 1, DUPLICATE))
    rejected = copies.where(~is_valid | (F.col("copy") > 1)).select(*RAW_COLUMNS, reason.alias("reason"), day)
    return accepted, rejected


def require_acceptable(trips: DataFrame, days: TripDays) -> None:
    """Stop before days of a table are replaced by nothing; on good input it reads no further than the first good trip.

    Args:
        trips: raw trips from `conform`, of `days`.

    Raises:
        InvalidTripsError: there are no trips, or `accept` would reject every one; the most frequent reasons are named.
    """
    judged = trips.select(_rules_broken(_source_problem(trips)).alias("reason"))
    if judged.where(F.col("reason") == "").take(1):
        return
    reasons = judged.groupBy("reason").count().orderBy(F.desc("count"), "reason").limit(_REASONS_SHOWN).collect()
    if not reasons:
        raise InvalidTripsError(f"There are no trips{days} in the input: give it at least one row.")
    most_frequent = ", ".join(f"{row['reason']} ({row['count']:,})" for row in reasons)
    raise InvalidTripsError(f"Every trip{days} in the input is invalid, none is left; most frequent: {most_frequent}.")


def _type_problem(name: str, found: DataType) -> str | None:
    allowed, words = _ALLOWED[_TYPES[name]]
    return None if isinstance(found, allowed) else f"{name} is {found.simpleString()}, expected {words}"


def _source_problem(trips: DataFrame) -> list[Column]:
    """The column of that name, where the source has one."""
    return [F.col(SOURCE_PROBLEM)] if SOURCE_PROBLEM in trips.columns else []


def _rules_broken(source_problem: list[Column]) -> Column:
    """The rules that a conformed row breaks, in a fixed order, separated by '; '; empty for a valid one."""
    doubles = [name for name, kind in _TYPES.items() if kind == "double"]
    zips = [name for name, kind in _TYPES.items() if kind == "int"]
    rules = [(F.col(name).isNull(), f"null in {name}") for name in RAW_COLUMNS]
    rules += [(F.isnan(name), f"NaN in {name}") for name in doubles]
    rules += [(F.abs(name) == float("inf"), f"infinite {name}") for name in doubles]
    rules += [
        (F.col("fare_amount") <= 0, "fare not positive"),
        (F.col("trip_distance") <= 0, "distance not positive"),
        (F.col("tpep_dropoff_datetime") <= F.col("tpep_pickup_datetime"), "drop-off not after pickup"),
    ]
    rules += [(~F.col(name).between(1, _LARGEST_ZIP), f"{name} not a US zip") for name in zips]
    return F.concat_ws("; ", *source_problem, *(F.when(is_broken, F.lit(reason)) for is_broken, reason in rules))
