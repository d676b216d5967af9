"""How far a changed day of events reaches: into feature tables, and from these into predictions.

The bounds are those of the declarations, and of the latest time that a changed day is known to have: no row beyond them
can be another one. Times are compared, not days, so a window that ends at midnight is of the day that begins then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from mlops_core.ingestion.day_ranges import DayRange, day_range
from mlops_core.ingestion.times import EPOCH
from mlops_core.project import ComputedTable, EventTable, FeatureTable, Project, StaticTable, WindowTable


@dataclass(frozen=True)
class Change:
    """Days of an event table whose rows may be others.

    Args:
        days: Of the events.
        newest: The latest time at which one of these rows was known; None where nothing says so.
        label_only: Whether only columns of a label that is in another table differ.
    """

    days: DayRange
    newest: datetime | None = None
    label_only: bool = False

    @property
    def start(self) -> datetime:
        return datetime.combine(self.days.first, time())

    @property
    def end(self) -> datetime:
        """The last moment of the days."""
        return datetime.combine(self.days.last, time.max)


def feature_days(table: FeatureTable, events: EventTable, change: Change, last: date) -> DayRange | None:
    """The days on which rows of the table may be others, `last` at most where no bound is known; None for no row.

    Args:
        events: One of the tables that it is made of, as it declares it; the change is of this one.
    """
    if change.label_only and events.label_source is None:
        return None
    if isinstance(table, WindowTable):
        return _of_windows(table, change)
    if isinstance(table, StaticTable):
        ends = datetime.combine(last, time.max) if table.until else _known_until(events, change)
        return day_range(change.start, max(ends, change.start))
    if isinstance(table, ComputedTable):
        return day_range(change.start, change.end + table.look_back)
    raise TypeError(f"Nothing says how far a change reaches into '{table.name}', a {type(table).__name__}.")


def _of_windows(table: WindowTable, change: Change) -> DayRange | None:
    """The days of the windows that hold one of the events: those that end after it, up to the length later."""
    since, until = _at(table, change)
    if until < since:
        return None
    return day_range(_floor(since, table.slide) + table.slide, _floor(until, table.slide) + table.length)


def _at(table: WindowTable, change: Change) -> tuple[datetime, datetime]:
    """The times between which the column is by which changed events are in a window."""
    events = table.events
    if table.at == events.event_time:
        return change.start, change.end
    if table.at == events.known_at:
        return change.start, _known_until(events, change)
    return change.start - events.longest, change.end + events.longest


def _known_until(events: EventTable, change: Change) -> datetime:
    """The latest time at which a changed event that makes features was known."""
    if events.known_at == events.event_time:
        return change.end
    longest = change.end + events.longest
    return min(longest, change.newest) if change.newest and events.label_source is None else longest


def prediction_days(project: Project, table: FeatureTable, features: DayRange, last: date) -> Iterator[DayRange]:
    """The days on which events may look up a row of the table that is another one; up to `last` without a look-back.

    Args:
        project: Of one model.
        features: The days of these rows.
    """
    for lookup in project.lookups:
        if lookup.table_name != table.name:
            continue
        if lookup.timestamp_lookup_key != project.events.event_time:
            yield DayRange(date.min, last)
        elif lookup.lookback_window is None:
            yield DayRange(features.first, max(last, features.first))
        else:
            newest = datetime.combine(features.last, time.max)
            newest = _floor(newest, table.slide) if isinstance(table, WindowTable) else newest
            yield day_range(datetime.combine(features.first, time()), newest + lookup.lookback_window)


def _floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - EPOCH) % step
