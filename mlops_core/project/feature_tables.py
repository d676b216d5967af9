"""Feature tables: keyed by an entity and a time, made of events by windows, as they are, or by code of the project."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlops_core.project.aggregates import Aggregate, Expression, Sum
from mlops_core.project.checks import require_all, require_duration, require_function
from mlops_core.project.columns import NUMBERS, Column, DeclarationError, choices, require_known
from mlops_core.project.events import DAY, EventTable
from mlops_core.project.expressions import named_columns
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.names import require_columns, require_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TIME = "ts"
"""The time of a feature row: it may hold only what was known before it, and look-ups at or after it may take it."""

OLDER, ZERO = "older", "zero"
"""What a look-up finds at a time whose window has no event."""

MICROSECOND = timedelta(microseconds=1)

Compute = Callable[..., "DataFrame"]


@dataclass(frozen=True)
class FeatureTable(ABC):
    """A table of features, one row for each value of the entity and time `ts`.

    Args:
        name: Its table, and its asset.
        meaning: What it holds, for people.
        events: The events that it is made of.
        entity: Key column of the table -> the event column that it comes from. Look-ups go by that column, or of
            another event by the one that is called as the key.
        version: Raise it with each change of what the features mean, so that people see which days are old.
    """

    name: str
    _: KW_ONLY
    meaning: str
    events: EventTable
    entity: Mapping[str, str]
    version: str = "1"

    def __post_init__(self) -> None:
        place = f"Feature table '{self.name}'"
        require_table(self.name, place)
        if not isinstance(self.entity, Mapping):
            raise DeclarationError(
                f"{place}, entity must be as {{'key': 'column of the events'}}, not {self.entity!r}."
            )
        if not self.entity:
            raise DeclarationError(f"{place}: entity names no column, so nothing could be looked up.")
        require_known(self.entity.values(), self.events.types, f"{place}, entity")
        require_columns(
            (*self.entity, TIME, *(column.name for column in self.features), DAY), f"The columns of {place}"
        )
        if not self.features:
            raise DeclarationError(f"{place} has no feature.")

    @property
    @abstractmethod
    def features(self) -> tuple[Column, ...]:
        """Its columns that are no keys."""

    @property
    def sources(self) -> tuple[EventTable, ...]:
        """Every table of events that it is made of."""
        return (self.events,)

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """The entity and the time."""
        return (*self.entity, TIME)

    @property
    def columns(self) -> dict[str, tuple[str, str]]:
        """Column -> type and meaning, those of the keys and of the partition included."""
        keys = {key: self.events.column(source) for key, source in self.entity.items()}
        return (
            {key: (column.type, column.text) for key, column in keys.items()}
            | {TIME: ("timestamp", self.time_meaning)}
            | self.feature_columns
            | {DAY: ("date", f"Day of `{TIME}`, the partition")}
        )

    @property
    def time_meaning(self) -> str:
        """What the time of a row says."""
        return "Time of the row: it is made of what was known before it"

    @property
    def timing(self) -> str:
        """Why no look-up finds anything of the future."""
        return "A row at `ts` is made of what was known before `ts`, so that a look-up finds nothing of the future."

    @property
    def feature_columns(self) -> dict[str, tuple[str, str]]:
        """Feature -> type and meaning."""
        return {column.name: (column.type, column.text) for column in self.features}

    @property
    @abstractmethod
    def lineage(self) -> dict[str, list[tuple[str, str]]]:
        """Column -> the columns that it is made of, as (table, column)."""

    def look_up(self, events: EventTable | None = None, **changes: Any) -> FeatureLookup:
        """The look-up of all features at the time of the predicted event.

        Args:
            events: What is predicted, when the table is made of other events: it is looked up by the columns that are
                called as the table's keys.
            changes: Arguments of `FeatureLookup`.
        """
        predicted = events or self.events
        usual: dict[str, Any] = {
            "lookup_key": list(self.entity.values() if predicted.name == self.events.name else self.entity),
            "feature_names": [column.name for column in self.features],
            "timestamp_lookup_key": predicted.event_time,
        }
        return FeatureLookup(self.name, **usual | changes)


@dataclass(frozen=True)
class WindowTable(FeatureTable):
    """Aggregates over windows of events: a row at `ts` is made of the events with `ts - length <= at < ts`.

    Windows without an event have no row; `empty` says what a look-up finds then. Only events whose label is known are
    in a window.

    Args:
        length: Length of a window, a multiple of `slide`.
        slide: Time between the ends of two windows, in whole seconds.
        aggregates: What is said of a window's events, and expressions over that.
        at: The event column by which an event is in a window: when it is known, unless told otherwise.
        empty: What a look-up finds at a time whose window has no event: "older" is the newest row before, of any age;
            "zero" is 0 for a count, a sum and a number of distinct values, and null for the other features. It changes
            no row of the table, and costs nothing: look-ups get a look-back and default values, which they may replace.
            A day that was not built looks like one without events then.
    """

    _: KW_ONLY
    length: timedelta
    slide: timedelta
    aggregates: tuple[Aggregate | Expression, ...]
    at: str = ""
    empty: str = OLDER

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", self.at or self.events.known_at)
        place = f"Feature table '{self.name}'"
        if self.empty not in (OLDER, ZERO):
            raise DeclarationError(f"{place}: empty can't be {self.empty!r}; {choices((OLDER, ZERO))}")
        require_all(self.aggregates, (Aggregate, Expression), f"{place}, aggregates")
        require_duration(self.length, f"{place}, length")
        require_duration(self.slide, f"{place}, slide")
        super().__post_init__()
        if self.slide < timedelta(seconds=1) or self.slide % timedelta(seconds=1) or self.length % self.slide:
            raise DeclarationError(
                f"{place}: slide ({self.slide}) must be whole seconds, and length ({self.length}) a multiple of it."
            )
        if self.length <= timedelta(0):
            raise DeclarationError(f"{place}: length must be above zero, not {self.length}.")
        require_known([self.at], self.events.types, f"{place}, at")
        if self.events.types[self.at] != "timestamp":
            raise DeclarationError(f"{place}, at: '{self.at}' must be a timestamp, not {self.events.types[self.at]}.")
        for feature in self.aggregates:
            self._check_sources(feature, place)

    def _check_sources(self, feature: Aggregate | Expression, place: str) -> None:
        """Each SQL expression names a column at least: the engine would tell of another mistake much later."""
        known = self.events.types if isinstance(feature, Aggregate) else self.columns
        for sql in feature.sources if isinstance(feature, Aggregate) else [feature.sql]:
            if not named_columns(sql, known):
                raise DeclarationError(f"{place}, '{feature.name}': '{sql}' names no column; {choices(known)}")
        if isinstance(feature, Sum) and (kind := self.events.types.get(feature.of)) not in (None, *NUMBERS):
            raise DeclarationError(f"{place}, '{feature.name}': '{feature.of}' is a {kind}, which has no sum or mean.")

    def look_up(self, events: EventTable | None = None, **changes: Any) -> FeatureLookup:
        found = super().look_up(events, **changes)
        if self.empty == OLDER:
            return found
        zeros = {
            found.output_name(each.name): each.of_nothing
            for each in self.aggregates
            if isinstance(each, Aggregate) and each.of_nothing is not None and each.name in found.features
        }
        own: dict[str, Any] = {"lookback_window": self.slide - MICROSECOND, "default_values": zeros}
        return replace(found, **own | {name: changes[name] for name in own if name in changes})

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(feature.column for feature in self.aggregates)

    @property
    def lineage(self) -> dict[str, list[tuple[str, str]]]:
        made = {key: [source] for key, source in self.entity.items()} | {TIME: [self.at], DAY: [self.at]}
        for feature in self.aggregates:
            if isinstance(feature, Aggregate):
                made[feature.name] = [*named_columns(" ".join(feature.sources), self.events.types), self.at]
            else:
                named = named_columns(feature.sql, made)
                made[feature.name] = [source for name in named for source in made[name]]
        return {name: [(self.events.name, source) for source in dict.fromkeys(of)] for name, of in made.items()}


@dataclass(frozen=True)
class StaticTable(FeatureTable):
    """What changes slowly: a row says what is known of the entity from `ts` on, until its next row.

    Each of its events is one row, and `ts` is the time at which it was known; of several that were known at once, the
    one with the latest event time and then the highest identity. Rows that were known before the first partition are
    in it. Its source must keep every row that it ever had: one that is overwritten as of today knows the future.

    Args:
        passed: The event columns that are its features, as they are.
        until: The event column with the time at which its row ends, such as `valid_to`; null or in the future while it
            lasts. From then on a look-up finds nulls, unless another row has begun.
    """

    _: KW_ONLY
    passed: tuple[str, ...]
    until: str = ""

    def __post_init__(self) -> None:
        place = f"Feature table '{self.name}', passed"
        require_all(self.passed, str, place)
        require_known(self.passed, self.events.types, place)
        if self.until:
            place = f"Feature table '{self.name}', until"
            require_known([self.until], self.events.types, place)
            if (kind := self.events.types[self.until]) != "timestamp":
                raise DeclarationError(f"{place}: '{self.until}' must be a timestamp, not {kind}.")
        super().__post_init__()

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(map(self.events.column, self.passed))

    @property
    def time_meaning(self) -> str:
        return "Time from which on the row is known"

    @property
    def timing(self) -> str:
        return (
            "A row is known from `ts` on, so that a look-up finds nothing of the future; the first partition also "
            "holds those that were known before it."
        )

    @property
    def lineage(self) -> dict[str, list[tuple[str, str]]]:
        known_at = self.events.known_at
        times = [(self.events.name, name) for name in (known_at, self.until) if name]
        made = dict(self.entity) | {name: name for name in self.passed}
        return {name: [(self.events.name, source)] for name, source in made.items()} | {TIME: times, DAY: times}


@dataclass(frozen=True)
class ComputedTable(FeatureTable):
    """Features by a function of the project's own.

    Args:
        columns_made: The features.
        compute: Events, a first and a last day -> the rows whose `ts` is in these days, with the entity's key columns,
            `ts` and the features. Events come with their `day`, those of the look-back included; those of each table of
            `beside` follow the days.
        look_back: How long before `ts` events may have happened that its row is made of.
        made_of: The event columns that the features come from, for lineage.
        beside: Other events that the features are made of too.
    """

    _: KW_ONLY
    columns_made: tuple[Column, ...]
    compute: Compute
    look_back: timedelta
    made_of: tuple[str, ...] = ()
    beside: tuple[EventTable, ...] = ()

    def __post_init__(self) -> None:
        place = f"Feature table '{self.name}'"
        require_all(self.columns_made, Column, f"{place}, columns_made")
        require_function(self.compute, f"{place}, compute")
        require_duration(self.look_back, f"{place}, look_back")
        require_all(self.beside, EventTable, f"{place}, beside")
        super().__post_init__()
        require_known(self.made_of, self.events.types, f"{place}, made_of")

    @property
    def features(self) -> tuple[Column, ...]:
        return self.columns_made

    @property
    def sources(self) -> tuple[EventTable, ...]:
        return (self.events, *self.beside)

    @property
    def lineage(self) -> dict[str, list[tuple[str, str]]]:
        keys = {key: [(self.events.name, source)] for key, source in self.entity.items()}
        return keys | {column.name: [(self.events.name, source) for source in self.made_of] for column in self.features}
