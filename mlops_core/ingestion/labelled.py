"""The label of each event, from the table that tells it: the one place where the two are joined.

What is joined depends on the rows of the two tables alone, never on the clock, so the same rows give the same labels.
"""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mlops_core.balanced import all_of
from mlops_core.ingestion.rules import over_a_set_back
from mlops_core.project import EventTable, Label
from mlops_core.project.events import DAY

MICROSECOND = timedelta(microseconds=1)
TOLD, FOUND, DECIDED, DEADLINE = "label_told", "label_found", "label_decided", "label_deadline"
KEY, KNOWN = "label_key_{}", "label_known"


def labelled(events: EventTable, accepted: DataFrame, labels: DataFrame) -> DataFrame:
    """The accepted events with the columns of their `Label`: null while it is not known.

    Args:
        accepted: events as `events.delivered` declares them, each once, with their `day`.
        labels: the accepted events of the label's own table, all that may be of these.

    Returns: the columns of `events` and `day`, a row for each of `accepted`.
    """
    label = events.label_source
    if label is None:
        return accepted
    rows = _with_found(events, label, accepted, labels)
    known, values = F.col(f"{FOUND}.{KNOWN}"), {name: F.col(f"{FOUND}.{name}") for name in label.taken}
    if label.absent is not None:
        rows, known = _with_decided(events, label, rows, labels), F.col(DECIDED)
        values[label.column] = F.coalesce(values[label.column], F.lit(label.absent))
        values = {name: F.when(known.isNotNull(), value) for name, value in values.items()}
    added = {**values, events.label_known_at: known}
    typed = (value.cast(events.types[name]).alias(name) for name, value in added.items())
    return rows.select(*events.delivered.types, *typed, DAY)


def told(events: EventTable, label: Label, labels: DataFrame) -> DataFrame:
    """The rows that tell a label, with what they have in common with `events` under names that no event has."""
    named = {KEY.format(name): F.col(name) for name in label.keys(events)} | {KNOWN: F.col(label.table.known_at)}
    return labels.withColumns(named).where(F.col(label.column).isNotNull() & F.col(KNOWN).isNotNull())


def newest_known(label: Label, labels: DataFrame, before: date) -> date | None:
    """The last day before `before` on which a label was known, if there is one."""
    day = F.to_date(label.table.known_at)
    return labels.where(day < F.lit(before)).agg(F.max(day).alias("day")).collect()[0]["day"]


def keys_of(events: EventTable, label: Label) -> list[str]:
    """The columns of `told` that an event is found by."""
    return [KEY.format(name) for name in label.keys(events)]


def same_key(events: EventTable, label: Label) -> Column:
    """Whether a row of `told` has the key of an event."""
    return all_of(F.col(own) == F.col(KEY.format(name)) for name, own in label.keys(events).items())


def is_of(events: EventTable, label: Label, known: str = KNOWN) -> str:
    """Whether what was known at `known` is of an event of its key: after it, and `within`; in SQL.

    Over the night in which clocks are set back a label may seem to be known before its event.
    """
    took = f"unix_micros({known}) - unix_micros({events.event_time})"
    set_back = over_a_set_back(events, known, events.clock().year)
    return f"CASE WHEN {took} <= 0 THEN {set_back} ELSE {took} <= {label.within // MICROSECOND} END"


def _with_found(events: EventTable, label: Label, accepted: DataFrame, labels: DataFrame) -> DataFrame:
    """The events with `FOUND`: the time and the values of the row that counts, null without one.

    Events and rows are joined by the key and then thinned out, in one pass: the events are read once.
    """
    row = F.struct(KNOWN, *(F.col(f"{TOLD}.{name}") for name in label.taken))
    rows = told(events, label, labels).select(*keys_of(events, label), KNOWN, F.struct(*label.taken).alias(TOLD))
    pairs = accepted.join(rows, same_key(events, label), "left")
    return pairs.groupBy(*accepted.columns).agg(F.max(F.when(F.expr(is_of(events, label)), row)).alias(FOUND))


def _with_decided(events: EventTable, label: Label, rows: DataFrame, labels: DataFrame) -> DataFrame:
    """The events with `DECIDED`: when the first label of a later day than that of their deadline was known."""
    deadline = F.to_date(F.timestamp_micros(F.unix_micros(events.event_time) + F.lit(label.within // MICROSECOND)))
    days = told(events, label, labels).groupBy(F.to_date(KNOWN).alias("next")).agg(F.min(KNOWN).alias(DECIDED))
    before = F.lag("next").over(Window.partitionBy(F.lit(0)).orderBy("next"))  # days are few
    since, until = F.coalesce(before, F.lit(events.first_day)), F.date_sub("next", 1)
    spans = days.select(since.alias("since"), until.alias("until"), DECIDED).where("since <= until")
    dates = spans.select(F.explode(F.sequence("since", "until")).alias(DEADLINE), DECIDED)
    return rows.withColumn(DEADLINE, deadline).join(dates, DEADLINE, "left")
