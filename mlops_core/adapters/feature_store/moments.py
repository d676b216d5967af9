"""How the join in time orders label and feature rows of one key: by time, a feature before labels of the same time.

Two kinds of time: instants, whose place in the order is one integer, and numbers, which are ordered as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

MOMENT, SIDE, FOUND = "__moment", "__side", "__found_moment"
MICROSECOND = timedelta(microseconds=1)


class Moments(Protocol):
    """What the point-in-time join needs to know about a type of time."""

    @property
    def order(self) -> tuple[str, ...]:
        """Columns that put the rows of a key in order."""

    @property
    def is_feature(self) -> str:
        """SQL that tells a feature row by its moment; not true for a label without time."""

    def of_label(self, time: Column) -> list[Column]:
        """The columns of `order` for a label row."""

    def of_feature(self, time: Column) -> list[Column]:
        """The columns of `order` for a feature row; the first alone tells the time."""

    def label_time(self, data_type: DataType) -> Column:
        """The label's time of this type, from its moment."""

    def is_within(self, lookback: timedelta) -> Column:
        """Whether the moment `FOUND` is at most this old, inclusive."""


@dataclass(frozen=True)
class Instants:
    """Timestamps and dates. One integer holds the microseconds and, in its last bit, who comes first."""

    order: tuple[str, ...] = (MOMENT,)
    is_feature: str = f"({MOMENT} & 1) = 0"

    def of_label(self, time: Column) -> list[Column]:
        return [(micros(time) * 2 + 1).alias(MOMENT)]

    def of_feature(self, time: Column) -> list[Column]:
        return [(micros(time) * 2).alias(MOMENT)]

    def label_time(self, data_type: DataType) -> Column:
        from pyspark.sql import functions as F

        return F.timestamp_micros(F.shiftright(MOMENT, 1)).cast(data_type)

    def is_within(self, lookback: timedelta) -> Column:
        from pyspark.sql import functions as F

        # The label's own last bit is one, a feature's is none: so the oldest age is inclusive.
        return F.col(FOUND) >= F.col(MOMENT) - 1 - F.lit(lookback // MICROSECOND * 2).cast("bigint")


@dataclass(frozen=True)
class Numbers:
    """Numbers of any size, such as seconds since 1970: a look-back window counts them as seconds.

    `age_type` is the type in which two of them are subtracted, without overflow.
    """

    age_type: str
    order: tuple[str, ...] = (MOMENT, SIDE)
    is_feature: str = f"{SIDE} = 0"

    def of_label(self, time: Column) -> list[Column]:
        return self._on_side(time, 1)

    def of_feature(self, time: Column) -> list[Column]:
        return self._on_side(time, 0)

    def label_time(self, data_type: DataType) -> Column:
        from pyspark.sql import functions as F

        return F.col(MOMENT).cast(data_type)

    def is_within(self, lookback: timedelta) -> Column:
        from pyspark.sql import functions as F

        age = F.col(MOMENT).cast(self.age_type) - F.col(FOUND).cast(self.age_type)
        return age <= F.lit(lookback.total_seconds()).cast(self.age_type)

    def _on_side(self, time: Column, side: int) -> list[Column]:
        from pyspark.sql import functions as F

        return [time.alias(MOMENT), F.lit(side).alias(SIDE)]


def moments_of(column_name: str, data_type: DataType) -> Moments:
    """The kind of time that a time-series column of this type holds.

    Raises:
        ValueError: the type has no order in time, such as text.
    """
    from pyspark.sql.types import DateType, FractionalType, NumericType, TimestampNTZType, TimestampType

    if isinstance(data_type, (TimestampType, TimestampNTZType, DateType)):
        return Instants()
    if isinstance(data_type, NumericType):
        return Numbers("double" if isinstance(data_type, FractionalType) else "decimal(38,6)")
    raise ValueError(
        f"The time-series column '{column_name}' is {data_type.simpleString()}: a time is a timestamp, a date or a "
        "number; cast it."
    )


def micros(time: Column) -> Column:
    """Microseconds since 1970 of a timestamp or a date, as the wall clock of the UTC session shows it."""
    from pyspark.sql import functions as F

    return F.unix_micros(time.cast("timestamp"))
