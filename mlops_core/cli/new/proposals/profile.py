"""What the sampled rows tell about each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.project.columns import NUMBERS, ColumnType

if TYPE_CHECKING:
    import pandas as pd

    from mlops_core.adapters.sources.inferred_formats import Reading
    from mlops_core.adapters.sources.sample import SampledRows


@dataclass(frozen=True)
class Profile:
    """The sampled rows as pandas has them, and the types that a project gives their columns.

    Args:
        total: Rows of the source, about.
        is_all: Whether `frame` is all of it.
        unusable: Column -> why no project can have it.
        computed: Column that the source does not have -> SQL that makes it.
        readings: Column of CSV whose format is its own, or is not known -> how it is read.
    """

    frame: pd.DataFrame
    types: Mapping[str, ColumnType]
    total: int
    is_all: bool
    unusable: Mapping[str, str]
    times: str
    time_zone: str
    source: str = ""
    source_table: str = ""
    computed: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def distinct(self) -> Mapping[str, int]:
        """Column -> number of its values."""
        return {name: int(self.frame[name].nunique()) for name in self.types}

    @cached_property
    def nulls(self) -> Mapping[str, float]:
        """Column -> share of the rows that lack it."""
        return {name: float(self.frame[name].isna().mean()) for name in self.types}

    def of_type(self, *kinds: str) -> list[str]:
        """The columns of these types."""
        return [name for name, kind in self.types.items() if kind in kinds]

    def is_number(self, name: str) -> bool:
        return self.types[name] in NUMBERS

    def is_whole(self, name: str) -> bool:
        """Whether all values are whole numbers."""
        values = self.frame[name].dropna()
        return self.is_number(name) and bool((values % 1 == 0).all())

    def is_text(self, name: str) -> bool:
        return self.types[name] == "string"

    def with_column(self, name: str, kind: ColumnType, values: pd.Series, sql: str) -> Profile:
        """The same with a column that SQL makes."""
        return replace(
            self,
            frame=self.frame.assign(**{name: values}),
            types={**self.types, name: kind},
            computed={**self.computed, name: sql},
        )

    def known(self, names: list[str], argument: str) -> None:
        """Refuse a column that the rows lack.

        Raises:
            NewProjectError: names the argument, and the columns that there are.
        """
        for name in names:
            if name not in self.types:
                why = f", for {self.unusable[name]}" if name in self.unusable else ""
                raise NewProjectError(
                    f"{argument} is '{name}', which is no column that can be used{why}: choose from "
                    f"{', '.join(self.types)}."
                )


WHISKER = 0.005
"""So small a share of the rows may be broken ones, which are rejected."""
LEAST_ROWS = 100
"""Of fewer nothing can be proposed, nor learned."""


def profile_of(rows: SampledRows, zone: str, source: str = "", source_table: str = "") -> Profile:
    """The profile of rows that can be read; the others a run will reject.

    Raises:
        NewProjectError: there are too few.
    """
    endless, is_finite = _endless(rows)
    frame = rows.table.to_pandas()
    frame = frame[frame[SOURCE_PROBLEM].isna() & is_finite].drop(columns=SOURCE_PROBLEM).reset_index(drop=True)
    place = source or source_table
    if len(frame) < LEAST_ROWS:
        raise NewProjectError(
            f"{place} has {_counted(len(frame))} that can be read, and a model learns nothing of fewer than "
            f"{LEAST_ROWS}: give it a source with more of its history, or make a toy project with --toy."
        )
    unusable = dict(rows.unusable) | endless
    types = {name: kind for name, kind in rows.types.items() if name not in endless}
    for name in list(types):
        if frame[name].isna().all():
            unusable[name] = "it has no value"
            del types[name]
    made = Profile(frame[list(types)], types, rows.total, rows.is_all, unusable, rows.times, zone, source, source_table)
    return replace(made, readings=rows.readings)


def _endless(rows: SampledRows) -> tuple[dict[str, str], pd.Series]:
    """Columns that are NaN or infinite in too many rows, with the reason; rows that are so in no other."""
    import pandas as pd
    import pyarrow.compute as pc

    found, is_finite = {}, pd.Series(True, range(len(rows.table)))
    for name in (name for name, kind in rows.types.items() if kind in ("float", "double")):
        is_endless = pc.fill_null(pc.invert(pc.is_finite(rows.table.column(name))), False).to_pandas()
        if is_endless.mean() > WHISKER:
            found[name] = (
                f"NaN or infinite in {is_endless.mean():.1%} of the rows, which a run rejects: make it null there"
            )
        else:
            is_finite &= ~is_endless
    return found, is_finite


def _counted(rows: int) -> str:
    return {0: "no row", 1: "one row"}.get(rows, f"{rows:,} rows")
