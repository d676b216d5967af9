"""Event-time windows, from their declaration.

An event belongs to the windows that hold the time at which it was known, so a feature at `ts` is made of events that
were all known before `ts`: nothing later can enter, and an event's own label is never in a row that its own time looks
up.

Where times are a city's wall clock, the hour that is skipped when clocks are set forward simply has no windows. When
they are set back, the events of both passes of the repeated hour share its windows, for nothing tells them apart: a
look-up of the first pass may find events of the second, which have not happened. Once a year the features of one hour
can know up to an hour of the future. Neither the events nor the leak check, which reads the same clock, can show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.project import Aggregate, EventTable, WindowTable
from mlops_core.project.events import DAY
from mlops_core.project.expressions import require_sql
from mlops_core.project.feature_tables import TIME

MICROSECOND = timedelta(microseconds=1)


def window_rows(table: WindowTable, events: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """The rows of the windows that end in [`first_day`, `last_day`], and of some that end after them.

    Args:
        events: accepted events; may hold any days, those of the look-back are needed.

    Returns: one row per entity and window with an event: the entity's keys, `ts` (the window's end) and the features.
    """
    return sliding(table, _in_reach(table, events, first_day, last_day), [])


def sliding(table: WindowTable, events: DataFrame, groups: Sequence[str]) -> DataFrame:
    """The features of each window, entity and value of the columns `groups` of `events`.

    Each event is aggregated once, into its slice of one `slide`; only the slices are repeated for the windows that
    they are part of.
    """
    step, slices = int(table.slide.total_seconds()), table.length // table.slide
    keys = [*groups, *table.entity]
    entity = [F.col(source).alias(key) for key, source in table.entity.items()]
    partials, values = _aggregates(table)
    _require_sql(table, events)
    sliced = (
        _with_keys(table, events.where(is_basis(table.events)))
        .groupBy(*groups, *entity, F.expr(f"unix_seconds({table.at}) div {step}").alias("slice"))
        .agg(*(F.expr(of_events).alias(name) for name, (of_events, _) in partials.items()))
    )
    ends = F.explode(F.sequence(F.col("slice") + 1, F.col("slice") + slices))
    windows = (
        sliced.withColumn("end", ends)
        .groupBy(*keys, F.timestamp_seconds(F.col("end") * step).alias(TIME))
        .agg(*(F.expr(of_slices).alias(name) for name, (_, of_slices) in partials.items()))
    )
    aggregated = windows.select(*keys, TIME, *(value.alias(name) for name, value in values.items()))
    return aggregated.select(*keys, TIME, *_in_order(table, aggregated))


def _require_sql(table: WindowTable, events: DataFrame) -> None:
    aggregates = (feature for feature in table.aggregates if isinstance(feature, Aggregate))
    stated = {each.name: partial.of_events for each in aggregates for partial in each.partials.values()}
    require_sql(events, stated, f"Feature table '{table.name}'")


def _with_keys(table: WindowTable, events: DataFrame) -> DataFrame:
    """The events with a value of each key: no look-up finds a row of a null."""
    nullable = [source for source in table.entity.values() if source not in table.events.required]
    return events.dropna(subset=nullable) if nullable else events


def is_basis(events: EventTable) -> Column:
    """Whether an event may be in a window: it is known how it ended, in a time that can be.

    An event over the night in which clocks are set back may seem to end before it began: its own time would look it up.
    """
    took = F.unix_micros(events.known_at) - F.unix_micros(events.event_time)
    return F.expr(events.is_labelled) & took.between(0, events.longest // MICROSECOND)


def _in_reach(table: WindowTable, events: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """Events that can be in a window that ends in [`first_day`, `last_day`]: the look-back and no more.

    The condition on `day`, by which events are partitioned, lets the engine skip older files.
    """
    start = datetime.combine(first_day, time()) - table.length
    end = datetime.combine(last_day, time()) + timedelta(days=1)
    return events.where(
        F.col(DAY).between(F.lit((start - table.events.longest).date()), F.lit(last_day))
        & (F.col(table.at) >= _timestamp(start))
        & (F.col(table.at) < _timestamp(end))
    )


def _aggregates(table: WindowTable) -> tuple[dict[str, tuple[str, str]], dict[str, Column]]:
    """Column of a partial aggregate -> its SQL over events and over slices; aggregate -> its value over these columns.

    Two features that need the same partial aggregate share it.
    """
    partials: dict[str, tuple[str, str]] = {}
    names: dict[str, str] = {}
    values: dict[str, Column] = {}
    for feature in (feature for feature in table.aggregates if isinstance(feature, Aggregate)):
        own = {}
        for part, partial in feature.partials.items():
            name = names.setdefault(partial.of_events, f"partial_{len(names)}")
            partials[name] = partial.of_events, partial.of_slices.format(name)
            own[part] = name
        values[feature.name] = F.expr(feature.value.format(**own)).cast(feature.type)
    return partials, values


def _in_order(table: WindowTable, aggregated: DataFrame) -> list[Column]:
    """The features as they were declared, expressions over the aggregates among them."""
    return [
        aggregated[feature.name]
        if isinstance(feature, Aggregate)
        else F.expr(feature.sql).cast(feature.type).alias(feature.name)
        for feature in table.aggregates
    ]


def _timestamp(at: datetime) -> Column:
    """A literal in the session's time zone: `F.lit` of a naive datetime would take the zone of the Python process."""
    return F.lit(at.isoformat(sep=" ")).cast("timestamp")
