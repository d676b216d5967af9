"""A label that is in another table than its events, and arrives there later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlops_core.project.checks import require_all, require_duration
from mlops_core.project.columns import NUMBERS, Column, ColumnType, DeclarationError, require_known

if TYPE_CHECKING:
    from mlops_core.project.events import EventTable

Value = bool | int | float | str
VALUES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(NUMBERS, (int, float)),
    "int": int,
    "bigint": int,
    "boolean": bool,
    "string": str,
}
"""What stands for a label of each type where none came."""


@dataclass(frozen=True)
class LabelColumn(Column):
    """A column that a `Label`, its source, adds to its events."""

    _: KW_ONLY
    source: Label


@dataclass(frozen=True)
class Label:
    """The label of events as a column of another table of events, one row when it became known.

    Only a row that was known after its event, and at most `within` after it, is of that event. Of several the one that
    was known last counts: a correction takes the place of what it corrects, from the time of the correction on.

    Args:
        table: The events that tell it, such as chargebacks; they have no label of their own.
        column: The label among their columns; the events get a column of this name.
        within: How long after an event its label is waited for. So many days of events are taken again by each run.
        key: Column of `table` -> column of the events that it equals; by default both have the events' identity.
        absent: The label of an event of which no row came: 0 where only frauds are told. Such a label, and that of
            events with a row as well, is known from the first row of `table` of a later day than that on which
            `within` ended: before it nothing tells the missing from the late, and frauds alone would be known early.
        also: Other columns of the row that the events get, known as late as the label.
    """

    table: EventTable
    column: str
    _: KW_ONLY
    within: timedelta
    key: Mapping[str, str] = field(default_factory=dict, hash=False)
    absent: Value | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from mlops_core.project.events import EventTable

        if not isinstance(self.table, EventTable):
            raise DeclarationError(f"Label, table must be an EventTable, not {self.table!r}.")
        require_all(self.also, str, f"Label, table '{self.table.name}', also")
        require_duration(self.within, f"Label, table '{self.table.name}', within")
        require_known(self.taken, self.table.types, f"Label, table '{self.table.name}'")

    @property
    def taken(self) -> tuple[str, ...]:
        """The columns of `table` that the events get."""
        return (self.column, *self.also)

    @property
    def days(self) -> int:
        """How many days after the event's own its label is known at the latest, where labels come every day."""
        return -(-self.within // timedelta(days=1)) + 1

    def columns(self, known_at: str) -> tuple[Column, ...]:
        """The columns that the events get, with the time at which the label was known as `known_at`."""
        taken = map(self.table.column, self.taken)
        told = (
            LabelColumn(
                each.name,
                each.type,
                each.meaning,
                each.unit,
                known_late=True,
                categorical=each.categorical,
                source=self,
            )
            for each in taken
        )
        meaning = f"When `{self.column}` was known; null until then"
        when = LabelColumn(known_at, "timestamp", meaning, known_late=True, source=self)
        return (*told, when)

    def keys(self, events: EventTable) -> Mapping[str, str]:
        """Column of `table` -> column of `events` that it equals."""
        return self.key or {name: name for name in events.identity}


def with_label(columns: tuple[Column, ...], label: str | Label | None, known_at: str, place: str) -> tuple[Column, ...]:
    """The columns of events, and those that their label adds where it is in another table.

    Raises:
        DeclarationError: the events have one of these already.
    """
    if not isinstance(label, Label):
        return columns
    own, added = without_label(columns), label.columns(known_at)
    if both := {column.name for column in own} & {column.name for column in added}:
        raise DeclarationError(
            f"{place}: its label adds the columns {', '.join(column.name for column in added)}, and '{min(both)}' is "
            f"one of its own: rename that, or say another known_at."
        )
    return (*own, *added)


def without_label(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns that no label adds."""
    return tuple(column for column in columns if not isinstance(column, LabelColumn))


def check_label(events: EventTable, place: str) -> None:
    """Refuse a label that can't be joined to its events.

    Raises:
        DeclarationError: `place` says of which table it is.
    """
    label = events.label_source
    if label is None:
        return
    table, place = label.table, f"{place}, label of '{label.table.name}'"
    if table.name == events.name or table.label is not None:
        raise DeclarationError(f"{place}: the table that tells a label must be another one, and have no label itself.")
    if table.time_zone != events.time_zone:
        raise DeclarationError(
            f"{place}: its times are the wall clock of {table.time_zone}, those of the {events.nouns} of "
            f"{events.time_zone}: declare one zone; '{table.variable('times')}' says what zone its source has."
        )
    _check_keys(label, events, place)
    if not timedelta(0) < label.within <= events.longest:
        raise DeclarationError(
            f"{place}: within is {label.within}, and must be above zero and at most longest, {events.longest}, for no "
            "feature would be made of the rest."
        )
    kind = table.column(label.column).type
    if label.absent is not None and not _is(label.absent, kind):
        raise DeclarationError(f"{place}: absent is {label.absent!r}, which is no {kind}, as '{label.column}' is.")


def _is(value: Value, kind: ColumnType) -> bool:
    wanted: Any = VALUES.get(kind, ())
    return isinstance(value, wanted) and (kind == "boolean") == isinstance(value, bool)


def _check_keys(label: Label, events: EventTable, place: str) -> None:
    """Both sides of the join have the columns, of one type, and no event lacks one."""
    for name, own in label.keys(events).items():
        require_known([name], label.table.types, f"{place}, key")
        require_known([own], events.types, f"{place}, key")
        if (theirs := label.table.types[name]) != events.types[own]:
            raise DeclarationError(f"{place}, key: '{name}' is {theirs}, and '{own}' is {events.types[own]}.")
        if own not in events.required:
            raise DeclarationError(f"{place}, key: '{own}' must be known of every event from the start.")
