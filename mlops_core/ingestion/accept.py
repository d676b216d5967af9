"""Which events are accepted.

Nothing is dropped in silence: every raw row ends up, once, either in the accepted events or in the rejected ones with
all the reasons. Times are the wall clock of the events' zone without a zone, kept as Spark `timestamp` in a session
whose time zone is UTC, so that no clock shifts: the hour of a timestamp is the hour that people there saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.ingestion.best import best_of_several, is_best, why_not_best
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.conform import InvalidEventsError
from mlops_core.ingestion.days import EventDays
from mlops_core.ingestion.rules import Rule, broken, reasons, rules
from mlops_core.project import EventTable

DUPLICATE = "duplicate"
"""Why a valid row is kept aside that equals another; see `best` for those that differ."""
_REASONS_SHOWN = 5


def accept(events: EventTable, rows: DataFrame, now: datetime | None = None) -> tuple[DataFrame, DataFrame]:
    """Divide conformed events into accepted ones and rejected ones; every row is in exactly one of the two.

    An event is accepted before its label is known, and stays so if it never is. Of valid rows of one event
    (`events.identity`) those that tell less than another are rejected as superseded, in whatever order they come. Of
    several that tell as much and not the same, such as two labels, the one with the latest `known_at` and then the
    highest label is accepted, for no order of deliveries is known, and the others are rejected as conflicting. Of rows
    that agree in all columns one is taken and the others are rejected as duplicates. So an accepted event's identity
    is its own. Counting equal rows finds them at a third of the cost of numbering the rows in a window.

    Args:
        rows: raw events from `conform`, of any number of rows.
        now: what the wall clock of the events says, without a zone; later times are rejected. Default: now.

    Returns:
        (accepted, rejected): the accepted events, and the rejected ones with `reason` (the rules broken, in a fixed
        order, separated by '; '); both with `day`, as `EventDays` has it (null without any time).
    """
    names, stated = list(events.types), _all_rules(events, rows, now)
    distinct = rows.groupBy(*names, *_source_problem(rows)).agg(F.count(F.lit(1)).cast("int").alias("copies"))
    best = best_of_several(events, rows.where(~broken(stated)))
    distinct = distinct.join(best, list(events.identity), "left")
    is_valid, day = ~broken(stated), _day(events).alias("day")
    accepted = distinct.where(is_valid & is_best(events)).select(*names, day)
    reason = F.when(~is_valid, reasons(stated)).when(~is_best(events), why_not_best(events))
    copies = distinct.select(*names, "copies", reason.alias("why"), day)
    copies = copies.where(F.col("why").isNotNull() | (F.col("copies") > 1))
    copies = copies.withColumn("copy", F.explode(F.sequence(F.lit(1), "copies")))
    reason = F.concat_ws("; ", "why", F.when(F.col("copy") > 1, DUPLICATE))
    rejected = copies.where(F.col("why").isNotNull() | (F.col("copy") > 1))
    return accepted, rejected.select(*names, reason.alias("reason"), "day")


def require_acceptable(events: EventTable, rows: DataFrame, days: EventDays, now: datetime | None = None) -> None:
    """Stop before days of a table are replaced by nothing; on good input it reads no further than the first good row.

    Args:
        rows: raw events from `conform`, of `days`.
        now: as `accept` has it.

    Raises:
        InvalidEventsError: there are no events, or `accept` would reject every one; it names the most frequent reasons.
    """
    stated = _all_rules(events, rows, now)
    if rows.where(~broken(stated)).take(1):
        return
    judged = rows.select(reasons(stated).alias("reason"))
    counts = judged.groupBy("reason").count().orderBy(F.desc("count"), "reason").limit(_REASONS_SHOWN).collect()
    if not counts:
        raise InvalidEventsError(f"There are no {events.nouns}{days} in the input: give it at least one row.")
    most_frequent = ", ".join(f"{row['reason']} ({row['count']:,})" for row in counts)
    raise InvalidEventsError(
        f"Every {events.noun}{days} in the input is invalid, none is left; most frequent: {most_frequent}."
    )


def _day(events: EventTable) -> Column:
    """The day of an event; of times beyond the years that dates have, the first or the last of these."""
    first, last = (F.lit(day).cast("timestamp") for day in ("0001-01-01", "9999-12-31"))
    time = F.coalesce(events.event_time, events.known_at)
    return F.to_date(F.when(time.isNotNull(), F.greatest(F.least(time, last), first)))


def _source_problem(rows: DataFrame) -> list[Column]:
    """The column of that name, where the source has one."""
    return [F.col(SOURCE_PROBLEM)] if SOURCE_PROBLEM in rows.columns else []


def _all_rules(events: EventTable, rows: DataFrame, now: datetime | None) -> Sequence[Rule]:
    problems = [(problem.isNotNull(), problem) for problem in _source_problem(rows)]
    return [*problems, *rules(events, now or events.clock())]
