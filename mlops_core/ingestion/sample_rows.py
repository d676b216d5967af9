"""Rows to try a project on where there are none, drawn from a declared shape.

The label has something to learn in it: of the draws, which any model sees, and of a level of the entity that moves from
week to week, which only windows over recent labels tell. A day depends on the seed and its date alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlops_core.project import Sample
from mlops_core.project.columns import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Draw:
    """A column.

    Args:
        kind: "number" by its `quantiles`, "value" by the `shares` of values, "key" as one of `count`, "id" as a number
            of its own, "date" as the event's day, or time where it is a timestamp.
        quantiles: Values at equal steps from 0 to 1.
        shares: Value, as text -> its share.
        nulls: Share of the rows that lack it.
    """

    name: str
    type: ColumnType
    kind: Literal["number", "value", "key", "id", "date"]
    _: KW_ONLY
    quantiles: tuple[float, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    count: int = 0
    nulls: float = 0.0


@dataclass(frozen=True)
class SampleRows:
    """The shape of rows.

    Args:
        event_time: Most events happen by day.
        label: A "number" or a "value"; of values the last one is the likelier the larger the effects are.
        draws: The other columns, without `known_at`.
        entity: The draw, a key or a value, whose level moves the label from week to week; empty for none.
        known_at: The column that says when the label is known; empty where none of the source does.
        hours_to_label: From the event to `known_at`, at equal steps from 0 to 1.
    """

    _: KW_ONLY
    event_time: str
    label: Draw
    draws: tuple[Draw, ...]
    entity: str = ""
    known_at: str = ""
    hours_to_label: tuple[float, ...] = ()

    def sample(self, version: int = 1) -> Sample:
        """The generator of these rows, for an `EventTable`."""
        return Sample(version=version, write=self.write, of_day=self.of_day)

    def of_day(self, day: date, rows: int, seed: int, factor: float = 1.0) -> pa.Table:
        """The rows of one day in the order of their times.

        Args:
            factor: Of the label: a number is multiplied by it, the share of the last value too.
        """
        from mlops_core.ingestion.drawn_rows import drawn

        return drawn(self, day, rows, seed, factor)

    def write(
        self,
        folder: Path,
        *,
        rows: int,
        seed: int,
        first_day: date,
        last_day: date,
        drift_from: date | None = None,
        drift_factor: float = 1.25,
    ) -> None:
        """Exactly `rows` rows as parquet files into `folder`, as many on each of the days, both included.

        Args:
            drift_from: The day from which on labels change by `drift_factor`.

        Raises:
            ValueError: an argument is out of its range.
        """
        from mlops_core.ingestion.drawn_rows import write_days

        if rows < 1 or seed < 0 or last_day < first_day or drift_factor <= 0:
            raise ValueError(
                "Rows can be drawn for rows >= 1, seed >= 0, first_day <= last_day and drift_factor > 0; got "
                f"rows={rows}, seed={seed}, first_day={first_day}, last_day={last_day}, drift_factor={drift_factor}."
            )
        drift = (drift_from or date.max, drift_factor)
        write_days(self, folder, rows=rows, seed=seed, days=(first_day, last_day), drift=drift)
