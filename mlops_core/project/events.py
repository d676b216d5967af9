"""A table of events: what happens, when, when it is known how it ended, and what tells one from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mlops_core.project.checks import REASON, check_roles, check_zone, require_all, require_duration
from mlops_core.project.columns import Column, DeclarationError, require_known
from mlops_core.project.expressions import named_columns
from mlops_core.project.label import Label, LabelColumn, check_label, with_label, without_label
from mlops_core.project.names import require_columns, require_table

DAY = "day"
"""The partition column of every table: the day of an event's time, or of a feature row's."""


@dataclass(frozen=True)
class RowRule:
    """A rule of rows.

    Args:
        broken: Whether a row breaks it, as SQL over the columns of the events; null is no.
        reason: What people read of a rejected row, such as "amount not positive".
    """

    broken: str
    reason: str


@dataclass(frozen=True)
class Sample:
    """A generator of sample events.

    Args:
        version: Raise it whenever the same arguments give other events.
        write: Writes `rows` events as parquet files into `folder`; also takes `seed`, the days `first_day` and
            `last_day`, both included, and `drift_from`, a day from which on labels are shifted, or None.
        of_day: The events of one day as an Arrow table, by the day, their number, the seed and the factor of labels.
    """

    version: int
    write: Callable[..., None]
    of_day: Callable[[date, int, int, float], Any] | None = None


@dataclass(frozen=True)
class EventTable:
    """A table of events, one row each.

    Args:
        name: Its table, and its asset.
        columns: All of them but the partition `day`, and but those that a `Label` adds.
        event_time: When an event happens, and is predicted.
        known_at: When the row is complete, its `label` included; null until then. Of events that only make features it
            may be `event_time`: they are known as they happen. With a `Label` it is the name of a column that is added.
        label: What is predicted: a column, or a `Label`, which is in another table; None for events that only make
            features. It counts as unknown while it or `known_at` is null.
        also_predicted: Labels of models that predict something else, and when these are known: as late as `label`. A
            project adds those of its models.
        identity: Columns that tell one event from another, and are known from the start.
        time_zone: Times are the wall clock of this zone, without a zone; "UTC" when they are moments.
        longest: No feature is made of an event that was known only later than this after it happened. It bounds how
            far back a window reads.
        noun: What people call one of them.
        first_day: The first day that can be right: an earlier event is a broken clock's, and is rejected.
        clock_tolerance: By how much the clocks of the events may be ahead of ours.
        rules: What an accepted event must not break, beside that times are possible and nothing required is null.
        sample: How to make events where there are none.

    Raises:
        DeclarationError: A column that isn't there, or a time that is no timestamp.
    """

    name: str
    _: KW_ONLY
    columns: tuple[Column, ...]
    event_time: str
    known_at: str
    identity: tuple[str, ...]
    time_zone: str
    longest: timedelta
    label: str | Label | None = None
    also_predicted: tuple[str, ...] = ()
    noun: str = "event"
    first_day: date = date(1970, 1, 2)
    clock_tolerance: timedelta = timedelta(hours=1)
    rules: tuple[RowRule, ...] = ()
    sample: Sample | None = None

    def __post_init__(self) -> None:
        place = f"EventTable '{self.name}'"
        require_table(self.name, place)
        for name, values, kind in (
            ("columns", self.columns, Column),
            ("identity", self.identity, str),
            ("rules", self.rules, RowRule),
        ):
            require_all(values, kind, f"{place}, {name}")
        object.__setattr__(self, "columns", with_label(self.columns, self.label, self.known_at, place))
        require_columns((*(column.name for column in self.columns), DAY, REASON), f"The columns of {place}")
        require_columns(self.identity, f"The identity of {place}")
        named = (self.event_time, *self.identity, *self.outcome)
        require_known(named, self.types, place)
        for time in (self.event_time, self.known_at):
            if self.types[time] != "timestamp":
                raise DeclarationError(f"{place}: '{time}' must be a timestamp to be a time, not {self.types[time]}.")
        if self.label and self.known_at == self.event_time:
            raise DeclarationError(
                f"{place}: '{self.known_at}' can't be event_time and known_at, for nobody predicts a label that is "
                "known when the event happens: name the time at which it is known."
            )
        if self.column(self.event_time).computed_by:
            raise DeclarationError(f"{place}: '{self.event_time}' is computed, and a source's files are chosen by it.")
        if not self.identity:
            raise DeclarationError(f"{place}: identity names no column, so no event could be told from another.")
        for name in (self.event_time, *self.identity):
            if name not in self.required:
                raise DeclarationError(
                    f"{place}: '{name}' must be known of every event from the start, to identify it."
                )
        for name in ("longest", "clock_tolerance"):
            require_duration(getattr(self, name), f"{place}, {name}")
        if self.longest <= timedelta(0):
            raise DeclarationError(f"{place}: longest must be above zero, not {self.longest}.")
        if not self.noun:
            raise DeclarationError(f"{place}: noun is empty; say what people call one of them, such as 'order'.")
        check_zone(self.time_zone, place)
        check_roles(self, place)
        check_label(self, place)

    @property
    def types(self) -> Mapping[str, str]:
        """Column -> Spark's name of its type."""
        return {column.name: column.type for column in self.columns}

    @property
    def source_types(self) -> Mapping[str, str]:
        """Column that a source has -> Spark's name of its type."""
        return {column.name: column.type for column in self.columns if not column.computed_by}

    @property
    def csv_formats(self) -> Mapping[str, str]:
        """Column that CSV writes in a format of its own -> the format."""
        return {column.name: column.csv_format for column in self.columns if column.csv_format}

    @property
    def computed(self) -> Mapping[str, str]:
        """Column that no source has -> the expression that makes it."""
        return {column.name: column.computed_by for column in self.columns if column.computed_by}

    @property
    def label_source(self) -> Label | None:
        """Where columns of a label come from that is in another table."""
        return next((column.source for column in self.columns if isinstance(column, LabelColumn)), None)

    @property
    def label_name(self) -> str | None:
        """The column of the label, if they have one."""
        return self.label.column if isinstance(self.label, Label) else self.label

    @property
    def label_column(self) -> str:
        """The label, of events that are predicted.

        Raises:
            DeclarationError: They have none.
        """
        if self.label_name is None:
            raise DeclarationError(f"EventTable '{self.name}' has no label, and can't be predicted without: name it.")
        return self.label_name

    @property
    def label_known_at(self) -> str:
        """The column that says when a label of another table was known; `known_at`, but for a model with its own."""
        return [column.name for column in self.columns if isinstance(column, LabelColumn)][-1]

    @property
    def label_lineage(self) -> dict[str, list[tuple[str, str]]]:
        """Column that a label of another table adds -> the column there, as (table, column)."""
        if self.label_source is None:
            return {}
        table, taken = self.label_source.table, self.label_source.taken
        sources = {name: name for name in taken} | {self.label_known_at: table.known_at}
        return {name: [(table.name, source)] for name, source in sources.items()}

    @property
    def delivered(self) -> EventTable:
        """The events as their own source has them: without the columns of a label that is in another table."""
        if self.label_source is None:
            return self
        own = without_label(self.columns)
        late = tuple(column.name for column in own if column.name in {*self.outcome} - {self.event_time})
        return replace(self, columns=own, label=None, also_predicted=late, known_at=self.event_time)

    @property
    def as_they_happen(self) -> EventTable:
        """The events known as they happen, without what is known late: for features that wait for no label."""
        own = tuple(column for column in self.columns if column.name not in self.known_late)
        return replace(self, columns=own, label=None, also_predicted=(), known_at=self.event_time)

    @property
    def outcome(self) -> tuple[str, ...]:
        """What is known late by its role: `known_at`, and every label with the time at which it is."""
        return (self.known_at, *([self.label_name] if self.label_name else []), *self.also_predicted)

    def labelled(self, label: str | None, known_at: str, outcome: Iterable[str]) -> EventTable:
        """The events as a model sees them whose label is known at `known_at`, the rest of `outcome` is of others."""
        others = tuple(name for name in dict.fromkeys(outcome) if name not in (label, known_at, self.event_time))
        return replace(self, label=label, known_at=known_at, also_predicted=others)

    def has_the_rows_of(self, other: EventTable) -> bool:
        """Whether they are declared alike but for what is predicted."""
        alike = other.known_at in self.outcome and self.labelled(None, other.known_at, ())
        return self == other or alike == other.labelled(None, other.known_at, ())

    @property
    def is_labelled(self) -> str:
        """The events whose label is known, in SQL."""
        known = f"{self.known_at} IS NOT NULL"
        return f"{self.label_name} IS NOT NULL AND {known}" if self.label_name else known

    @property
    def known_late(self) -> tuple[str, ...]:
        """The columns that are not known yet when an event is predicted."""
        late = {*self.outcome} - {self.event_time}
        stated = {column.name for column in self.columns if column.known_late or column.name in late}
        made_of = {column.name: set(named_columns(column.computed_by, self.types)) for column in self.columns}
        return tuple(
            column.name
            for column in self.columns
            if column.name in stated or (column.known_late is None and made_of[column.name] & stated)
        )

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that no accepted event lacks."""
        nullable = (*self.known_late, *(column.name for column in self.columns if column.nullable))
        return tuple(name for name in self.types if name not in nullable)

    @property
    def nouns(self) -> str:
        """What people call several of them."""
        return f"{self.noun}s"

    @property
    def raw_name(self) -> str:
        """The asset of the events as they are delivered."""
        return f"raw_{self.name}"

    @property
    def rejected_name(self) -> str:
        """The table of the events that were kept aside."""
        return f"rejected_{self.name}"

    @property
    def ingestion_name(self) -> str:
        """The step that accepts them."""
        return f"ingest_{self.name}"

    @property
    def raw_columns(self) -> dict[str, tuple[str, str]]:
        """Column -> type and meaning, without the partition."""
        return {column.name: (column.type, column.text) for column in self.columns}

    @property
    def label_unit(self) -> str:
        """What numbers of the label are in; empty where nothing is declared."""
        return self.column(self.label_column).unit or ""

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def variable(self, key: str) -> str:
        """The variable of the bundle that says `key` of their source; in upper case, that of the environment."""
        return f"{self.name}_{key}"

    @property
    def path_variable(self) -> str:
        """What of the environment names files of them."""
        return self.variable("path").upper()

    @property
    def times_variable(self) -> str:
        """What of the environment says how the times of these files are to be read."""
        return self.variable("times").upper()

    def clock(self) -> datetime:
        """What the wall clock of the events says now."""
        return datetime.now(ZoneInfo(self.time_zone)).replace(tzinfo=None)
