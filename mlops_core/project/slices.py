"""Slices: by what predictions are looked at besides as a whole, the same in validation and in monitoring."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import ClassVar, get_args

from mlops_core.project.columns import NUMBERS, ColumnType, DeclarationError
from mlops_core.project.names import require_columns


@dataclass(frozen=True)
class Slice(ABC):
    """A division of the events into segments.

    Args:
        name: Its `slice_key` in the monitor tables.
        column: The column of the events that it goes by.
        title: For people, as in "by hour of the departure".
    """

    name: str
    column: str
    _: KW_ONLY
    title: str
    column_types: ClassVar[tuple[str, ...]] = get_args(ColumnType)
    """The types of columns that it can go by."""

    def __post_init__(self) -> None:
        require_columns([self.name], f"Slice '{self.name}'")

    @property
    @abstractmethod
    def group(self) -> str:
        """What rows are grouped by, in SQL over the event's columns."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The segment's name in SQL over the column `name`, which holds its `group`; texts sort by their values."""


@dataclass(frozen=True)
class ByValue(Slice):
    """A segment for each value. A validation shows the `most` frequent ones, and the rest together."""

    _: KW_ONLY
    most: int = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < 1:
            raise DeclarationError(f"Slice '{self.name}': most must be above zero, not {self.most}.")

    @property
    def group(self) -> str:
        return self.column

    @property
    def text(self) -> str:
        return f"CAST({self.name} AS STRING)"


@dataclass(frozen=True)
class ByHour(Slice):
    """A segment for each hour of the day of a time."""

    column_types: ClassVar[tuple[str, ...]] = ("timestamp",)

    @property
    def group(self) -> str:
        return f"hour({self.column})"

    @property
    def text(self) -> str:
        return f"format_string('%02d', {self.name})"


@dataclass(frozen=True)
class ByBand(Slice):
    """A segment for each band of a number that is zero or more; a band's lower end is part of it.

    Args:
        edges: Where one band ends and the next begins, rising.
        unit: What the number is in.
    """

    _: KW_ONLY
    edges: tuple[float, ...]
    unit: str = ""
    column_types: ClassVar[tuple[str, ...]] = NUMBERS

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.edges or any(low >= high for low, high in pairwise((0.0, *self.edges))):
            raise DeclarationError(f"Slice '{self.name}': edges must rise from above zero, not be {self.edges}.")

    @property
    def bands(self) -> tuple[str, ...]:
        """The name of each band."""
        unit = f" {self.unit}" if self.unit else ""
        between = (f"{low:g} to {high:g}{unit}" for low, high in pairwise((0.0, *self.edges)))
        return (*between, f"{self.edges[-1]:g}{unit} or more")

    @property
    def group(self) -> str:
        return " + ".join(f"CAST({self.column} >= {edge} AS INT)" for edge in self.edges)

    @property
    def text(self) -> str:
        bands = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(self.bands))
        return f"CASE {self.name} {bands} END"
