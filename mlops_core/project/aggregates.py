"""What a window can say of the events in it.

Every aggregate is made of partial ones, over slices of a window, so that an event is looked at once however many
windows it is in. Sums are of integers: the sum of doubles depends on the order of the rows, and so on the engine and
on which days were computed together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, field

from mlops_core.project.columns import Column, ColumnType

PRECISION = 10_000
"""Numbers are summed in units of 1 / PRECISION: exact to four decimals, up to 9e14 in a window."""


@dataclass(frozen=True)
class Partial:
    """One number of a slice of a window, and how those of several slices become one; both in SQL."""

    of_events: str
    of_slices: str = "sum({})"


@dataclass(frozen=True)
class Aggregate(ABC):
    """A feature that is made of the events of a window.

    Args:
        name: The feature's column.
        meaning: One sentence for people.
    """

    name: str
    meaning: str
    _: KW_ONLY
    unit: str | None = None
    type: ColumnType = "float"

    @property
    def column(self) -> Column:
        """The feature as a column of its table."""
        return Column(self.name, self.type, self.meaning, self.unit)

    @property
    def sources(self) -> tuple[str, ...]:
        """The SQL expressions over events that it is made of."""
        return ()

    @property
    def zero(self) -> int | float:
        """Zero in the feature's type."""
        return 0.0 if self.type in ("float", "double") else 0

    @property
    def of_nothing(self) -> int | float | None:
        """Its value for a window without an event: zero of what counts or adds up, else null."""
        return None

    @property
    @abstractmethod
    def partials(self) -> dict[str, Partial]:
        """Name -> partial aggregate."""

    @property
    @abstractmethod
    def value(self) -> str:
        """The feature in SQL over `{name}` of its partials."""


@dataclass(frozen=True)
class Count(Aggregate):
    """Number of events, of those that fulfil the condition `where` (SQL) if there is one."""

    where: str | None = None
    type: ColumnType = "int"

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.where,) if self.where else ()

    @property
    def of_nothing(self) -> int | float | None:
        return self.zero

    @property
    def partials(self) -> dict[str, Partial]:
        return {"count": Partial(f"count(CASE WHEN {self.where} THEN 1 END)" if self.where else "count(1)")}

    @property
    def value(self) -> str:
        return "{count}"


@dataclass(frozen=True)
class OfValue(Aggregate):
    """An aggregate of a value of each event, `of`: a column, or SQL over columns; a null is no value."""

    _: KW_ONLY
    of: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.of,)


@dataclass(frozen=True)
class Sum(OfValue):
    """Sum of a number; null without a value."""

    type: ColumnType = "double"

    @property
    def of_nothing(self) -> int | float | None:
        return self.zero

    @property
    def partials(self) -> dict[str, Partial]:
        return {"units": Partial(f"sum(CAST(round({self.of} * {PRECISION}) AS BIGINT))")}

    @property
    def value(self) -> str:
        return f"{{units}} / {PRECISION}"


@dataclass(frozen=True)
class Mean(Sum):
    """Mean of a number; null without a value."""

    type: ColumnType = "float"

    @property
    def of_nothing(self) -> None:
        return None

    @property
    def partials(self) -> dict[str, Partial]:
        return super().partials | {"values": Partial(f"count({self.of})")}

    @property
    def value(self) -> str:
        return f"{{units}} / {{values}} / {PRECISION}"


@dataclass(frozen=True)
class Share(Aggregate):
    """Share, 0 to 1, of the events that fulfil the condition `where` (SQL), among those of which it is known."""

    _: KW_ONLY
    where: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.where,)

    @property
    def partials(self) -> dict[str, Partial]:
        hits, known = f"count(CASE WHEN {self.where} THEN 1 END)", f"count({self.where})"
        return {"hits": Partial(hits), "known": Partial(known)}

    @property
    def value(self) -> str:
        return "{hits} / nullif({known}, 0)"


@dataclass(frozen=True)
class Min(OfValue):
    """Smallest value, of the column's type."""

    type: ColumnType = field(kw_only=True)

    @property
    def partials(self) -> dict[str, Partial]:
        return {"min": Partial(f"min({self.of})", "min({})")}

    @property
    def value(self) -> str:
        return "{min}"


@dataclass(frozen=True)
class Max(OfValue):
    """Largest value, of the column's type."""

    type: ColumnType = field(kw_only=True)

    @property
    def partials(self) -> dict[str, Partial]:
        return {"max": Partial(f"max({self.of})", "max({})")}

    @property
    def value(self) -> str:
        return "{max}"


@dataclass(frozen=True)
class Distinct(OfValue):
    """Number of different values. Each window holds its values while it is made: not for millions of them."""

    type: ColumnType = "int"

    @property
    def of_nothing(self) -> int | float | None:
        return self.zero

    @property
    def partials(self) -> dict[str, Partial]:
        return {"set": Partial(f"collect_set({self.of})", "array_distinct(flatten(collect_list({})))")}

    @property
    def value(self) -> str:
        return "size({set})"


@dataclass(frozen=True)
class Expression:
    """A feature in SQL over `ts` (the window's end), the table's keys and its aggregates.

    Args:
        name: The feature's column.
        sql: Its value.
        type: Spark's name of its type.
        meaning: One sentence for people.
    """

    name: str
    sql: str
    type: ColumnType
    meaning: str
    unit: str | None = None

    @property
    def column(self) -> Column:
        """The feature as a column of its table."""
        return Column(self.name, self.type, self.meaning, self.unit)
