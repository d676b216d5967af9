"""What each day of raw events holds, in one aggregation on the platform's compute."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.ingestion.arrivals import DaySummaries, DaySummary, kind_of_summary
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.conform import conform
from mlops_core.ingestion.days import EventDays
from mlops_core.ingestion.times import EPOCH
from mlops_core.project import EventTable
from mlops_core.project.events import DAY

LATEST = datetime(9999, 12, 31)


def summarised(events: EventTable, raw: DataFrame, days: Collection[date] | None = None) -> DaySummaries:
    """What the days of a source hold: of `days`, or of all.

    Days are those of the events' clock. A row without an event time, or with one before the events can have begun, is
    of no day: it is rejected, and nothing is made of it.

    Args:
        events: As their source has them, without the columns of a label that is in another table.
        raw: Rows of a source, not yet conformed.

    Raises:
        InvalidEventsError: as `conform` has it.
    """
    span = EventDays(min(days), max(days)) if days else EventDays()
    rows = conform(events, raw, span)
    problem = F.col(SOURCE_PROBLEM) if SOURCE_PROBLEM in rows.columns else F.lit(None).cast("string")
    return _summaries(events, rows, problem, days)


def summarised_again(events: EventTable, taken: Iterable[DataFrame], source: DaySummaries) -> DaySummaries:
    """What the days of the pipeline's own tables hold, to be compared with what their `source` does.

    Accepted and rejected events together are all rows that were taken. What could not be read of one is in its reason
    only, so it counts as it does in the source.
    """
    rows: DataFrame | None = None
    for table in taken:
        own = table.select(
            *(
                (F.col(name) if name in table.columns else F.lit(None)).cast(kind).alias(name)
                for name, kind in events.types.items()
            )
        )
        rows = rows.unionByName(own) if rows is not None else own
    if rows is None:
        return DaySummaries(source.of, {})
    found = _summaries(events, rows, F.lit(None).cast("string"), None)
    days = {
        day: replace(each, problems=source.days[day].problems) if day in source.days else each
        for day, each in found.days.items()
    }
    return DaySummaries(found.of, days)


def _summaries(events: EventTable, rows: DataFrame, problem: Column, days: Collection[date] | None) -> DaySummaries:
    """Sums of hashes do not depend on the order of the rows, and count equal rows; as decimals they never overflow."""
    time = F.col(events.event_time)
    latest = F.lit(LATEST.isoformat(sep=" ")).cast("timestamp")
    values = [part for name in events.source_types for part in (F.col(name), F.col(name).isNull())]
    hashed = F.xxhash64(*values)
    of_a_day = rows.where(time >= F.lit(str(events.first_day)).cast("timestamp")).select(
        F.to_date(F.least(time, latest)).alias(DAY),
        F.unix_micros(F.least(_newest(events), latest)).alias("newest"),
        hashed.cast("decimal(20,0)").alias("hashed"),
        F.when(problem.isNotNull(), F.xxhash64(hashed, problem).cast("decimal(20,0)")).alias("problem"),
    )
    if days is not None:
        of_a_day = of_a_day.where(F.col(DAY).isin(list(days)))
    found = of_a_day.groupBy(DAY).agg(
        F.count(F.lit(1)).alias("rows"),
        F.max("newest").alias("newest"),
        F.sum("hashed").alias("hashed"),
        F.sum("problem").alias("problem"),
    )
    summaries = {
        row[DAY]: DaySummary(
            row["rows"],
            EPOCH + timedelta(microseconds=row["newest"]),
            _short(row["hashed"]),
            "" if row["problem"] is None else _short(row["problem"]),
        )
        for row in sorted(found.collect(), key=lambda row: row[DAY])
    }
    return DaySummaries(kind_of_summary(events), summaries)


def _newest(events: EventTable) -> Column:
    """The latest time of a row: of the event, or at which something of it was known."""
    times = dict.fromkeys((events.event_time, *events.outcome))
    own = [F.col(name) for name in times if events.types[name] == "timestamp"]
    return F.greatest(*own) if len(own) > 1 else own[0]


def _short(total: int) -> str:
    """A sum, in few characters."""
    return f"{int(total) % 2**64:x}"
