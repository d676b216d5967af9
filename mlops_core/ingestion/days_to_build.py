"""Which days a change of sources asks for, so that the result equals one full recomputation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from mlops_core.ingestion.changed_days import ChangedDays
from mlops_core.ingestion.day_ranges import ONE_DAY, DayRange, Ranges, joined
from mlops_core.ingestion.reach import Change, feature_days, prediction_days
from mlops_core.project import EventTable, Label, Project, StaticTable


@dataclass(frozen=True)
class BuiltDays:
    """Which days have partitions: of features and, by the model's short name, of predictions that can be made.

    Days that a champion was trained on are none of the latter.
    """

    features: DayRange
    predictions: Mapping[str, DayRange]


@dataclass(frozen=True)
class DaysToBuild:
    """What has to be made again, each stage after the one before; runs of one stage may be in any order.

    Args:
        features: Runs that take events in and build feature tables. A range holds all that a changed day reaches.
        predictions: Short name of a model -> runs that predict.
        monitoring: Short name of a model -> runs that compare with labels and training rows.
        waiting: Event table -> changed days without a partition yet: to be asked for again when they have one.
        reached: Later days that features made of the changed events are of. They are built with what arrives next, for
            which they are to be given; without any arrival after it nothing would look them up.
    """

    features: Ranges
    predictions: Mapping[str, Ranges]
    monitoring: Mapping[str, Ranges]
    waiting: Mapping[str, ChangedDays]
    reached: Ranges = ()


def days_to_build(
    project: Project, changed: Mapping[str, ChangedDays], built: BuiltDays, reached: Ranges = ()
) -> DaysToBuild:
    """What the changed days of the project's event tables, by their names, ask for.

    - Features: of each changed day and the days that windows, look-backs and static rows reach from it.
    - Predictions: of the events of a changed day, and of those that may look up a row of features that is another one:
      as far as the look-up looks back, or up to the newest day where a row is taken of any age.
    - Monitoring: of these days, of the days after them, which are compared with them, and of the days of events whose
      label may be another one.

    Args:
        built: Days beyond are left out. What changed before the first day is taken in by the run of the first, which
            takes all events that are older.
        reached: What earlier changes reached.
    """
    last = built.features.last
    ready = {name: each.until(last) for name, each in changed.items()}
    waiting = {name: ahead for name, each in changed.items() if (ahead := each.after(last)).by_day}
    if not any(each.by_day for each in ready.values()):
        nothing: dict[str, Ranges] = dict.fromkeys(built.predictions, ())
        return DaysToBuild((), nothing, nothing, waiting, reached)
    runs, of_tables = list(reached), {table.name: list(reached) for table in project.feature_tables}
    for events, change, ingested in _changes(project, ready, last):
        rows = list(_rows(project, events, change, built.features))
        for name, days in rows:
            of_tables[name].append(days)
        whole = (ingested, *(days for _, days in rows))
        runs.append(DayRange(min(days.first for days in whole), max(days.last for days in whole)))
    predicted = {
        each.model.short_name: _predicted(each, ready, of_tables, built)
        for each in project.each
        if each.model.short_name in built.predictions
    }
    labelled = [told.events for told in _told(project.events, ready, last)]
    monitored = {
        name: _within(
            (DayRange(each.first, each.last + ONE_DAY) for each in (*days, *labelled)), built.predictions[name]
        )
        for name, days in predicted.items()
    }
    return DaysToBuild(
        features=_within((_from(built.features.first, days) for days in runs), built.features),
        predictions=predicted,
        monitoring=monitored,
        waiting=waiting,
        reached=joined(later for days in runs if (later := days.after(last))),
    )


@dataclass(frozen=True)
class _Told:
    """A changed day of the table that tells the label of events.

    Args:
        label: Theirs.
        known: The days on which rows of this day were known.
        decided_since: The day after which the labels of this day decide about events without any.
    """

    label: Label
    known: DayRange
    decided_since: date

    @property
    def events(self) -> DayRange:
        """The days of events whose label may be another one: all that have been waiting, where none means one."""
        since = self.known.first if self.label.absent is None else self.decided_since
        return DayRange(_before(since, self.label.within), self.known.last)

    @property
    def change(self) -> Change:
        """Of events that make features: an event that is decided without a row of the label makes some only later."""
        return Change(DayRange(_before(self.known.first, self.label.within), self.known.last), label_only=True)


def _told(events: EventTable, changed: Mapping[str, ChangedDays], last: date) -> Iterator[_Told]:
    """What the changed days of a label's table tell, up to the last moment at which a row of it may be accepted.

    A row that is known later (9999-12-31, say) is rejected as one from the future.
    """
    label = events.label_source
    if label is None:
        return
    latest = datetime.combine(last + ONE_DAY, time.max) + label.table.clock_tolerance
    for day, change in changed.get(label.table.name, ChangedDays()).by_day.items():
        newest = min(change.newest, latest).date() if change.newest else day
        yield _Told(label, DayRange(day, max(day, newest)), change.follows or date.min)


def _changes(
    project: Project, changed: Mapping[str, ChangedDays], last: date
) -> Iterator[tuple[EventTable, Change, DayRange]]:
    """Event table, what changed of it, and the days whose run takes it in."""
    for events in project.event_tables:
        for day, change in changed.get(events.name, ChangedDays()).by_day.items():
            own = DayRange(day, day)
            yield events, Change(own, change.newest), own
        for told in _told(events, changed, last):
            yield events, told.change, told.known


def _rows(project: Project, events: EventTable, change: Change, built: DayRange) -> Iterator[tuple[str, DayRange]]:
    """Feature table, and the days of its rows that may be others."""
    for table in project.feature_tables:
        for source in (each for each in table.sources if each.name == events.name):
            if days := feature_days(table, source, change, built.last):
                # The first day of a static table has what was known before it.
                yield table.name, _from(built.first, days) if isinstance(table, StaticTable) else days


def _predicted(
    project: Project, changed: Mapping[str, ChangedDays], of_tables: Mapping[str, list[DayRange]], built: BuiltDays
) -> Ranges:
    own = [DayRange(day, day) for day in changed.get(project.events.name, ChangedDays()).days]
    looked_up = [
        days
        for table in project.feature_tables
        for rows in _within(of_tables[table.name], built.features)
        for days in prediction_days(project, table, rows, built.features.last)
    ]
    return _within((*own, *looked_up), built.predictions[project.model.short_name])


def _before(day: date, within: timedelta) -> date:
    whole = -(-within // ONE_DAY)
    return day - timedelta(days=min(whole, (day - date.min).days))


def _from(first: date, days: DayRange) -> DayRange:
    return DayRange(max(days.first, first), max(days.last, first))


def _within(ranges: Iterable[DayRange], built: DayRange) -> Ranges:
    return joined(clipped for days in ranges if (clipped := days.within(built)))
