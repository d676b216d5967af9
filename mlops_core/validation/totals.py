"""Sums over all held-out rows, made where the rows are: what comes back is a line for each hour and segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.project.slices import Slice
from mlops_core.tasks import Task
from mlops_core.tasks.shape import Shape
from mlops_core.validation.slice_segments import ALL, Frequent, place

HOUR, BY, SEGMENT = "hour", "by", "segment"
OF_MODEL, UNKNOWN, UNUSABLE = "{}__{}", "unknown__{}", "unusable__{}"


@dataclass(frozen=True)
class Totals:
    """Sums of the task's statistics.

    Args:
        cells: one row for each `hour`, `by` (the name of a slice, or `ALL`) and `segment` (its code): the number of its
            `events`, `<model>__<statistic>` for each statistic of each model, and counts of rows that can't be
            measured, `unknown__<column>` of what is not finite or missing, `unusable__<model>` of what is none of the
            task.
        frequent: what the segments of slices by value are named after.
    """

    cells: pd.DataFrame
    frequent: Frequent

    @property
    def whole(self) -> pd.DataFrame:
        """The cells of all rows, one for each hour in their order."""
        return self.cells[self.cells[BY] == ALL].sort_values(HOUR)

    @cached_property
    def hours(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.whole[HOUR])

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.whole["events"].sum())

    def before(self, moment: str) -> int:
        """How many happened before a full hour."""
        return int(self.whole.loc[self.whole[HOUR] < moment, "events"].sum())

    def count(self, *names: str) -> int:
        """How many rows are counted in the columns of these names, of all."""
        return int(self.whole[[name for name in names if name in self.cells]].sum().sum())

    def sums(self, model: str, by: str = ALL, segments: int = 1) -> dict[str, np.ndarray]:
        """Statistic -> its sums, (hour x segment), of a slice that has so many segments."""
        inside, prefix = self.cells[self.cells[BY] == by], OF_MODEL.format(model, "")
        at = self.hours.get_indexer(pd.DatetimeIndex(inside[HOUR])), inside[SEGMENT].to_numpy(int)
        found = {}
        for column in (name for name in map(str, inside) if name.startswith(prefix)):
            sums = found[column.removeprefix(prefix)] = np.zeros((len(self.hours), segments))
            sums[at] = inside[column]
        return found


def totals(
    scored: DataFrame,
    tasks: Mapping[str, Task],
    slices: Sequence[Slice],
    frequent: Frequent,
    *,
    label: str,
    event_time: str,
    required: Sequence[str] = (),
) -> Totals:
    """Sum the statistics of scored rows.

    Args:
        scored: one row an event: `label`, `event_time`, the columns of `slices`, and the answers of each of
            `tasks`, by which they are measured.
        frequent: as `frequent_values` finds them among the rows.
        required: columns in which no row may lack a value.
    """
    shape = next(iter(tasks.values())).shape
    divided = {ALL: F.lit(0), **{each.name: place(each, frequent) for each in slices}}
    rows = scored.select(
        F.date_trunc("hour", F.col(event_time).cast("timestamp")).alias(HOUR),
        F.array(*(F.struct(F.lit(by).alias(BY), at.alias(SEGMENT)) for by, at in divided.items())).alias("places"),
        F.expr(shape.judged(label)["actual"]).cast("double").alias("actual"),
        *(F.col(name).isNull().cast("int").alias(UNKNOWN.format(name)) for name in required if name != label),
        *tasks,
    )
    rows = rows.withColumn(UNKNOWN.format(label), _is_not(Shape().known("actual")))
    for model, task in tasks.items():
        rows = _with_statistics(rows.withColumn("predicted", F.col(model)), task, model)
    summed = [name for name in rows.columns if "__" in name]
    each = rows.select(HOUR, F.explode("places").alias("at"), *summed)
    keys = [F.col(HOUR), *(F.col(f"at.{name}").alias(name) for name in (BY, SEGMENT))]
    sums = (F.sum(name).alias(name) for name in summed)
    return Totals(each.groupBy(*keys).agg(F.count("*").alias("events"), *sums).toPandas(), frequent)


def _with_statistics(rows: DataFrame, task: Task, model: str) -> DataFrame:
    """The statistics of `actual` and `predicted`, and whether there are any."""
    return rows.withColumns(
        {
            **{OF_MODEL.format(model, name): F.expr(sql) for name, sql in task.summed.items()},
            UNKNOWN.format(model): _is_not(task.shape.known("predicted")),
            UNUSABLE.format(model): _is_not(task.usable),
        }
    )


def _is_not(condition: str) -> F.Column:
    return F.expr(f"CAST(NOT coalesce({condition}, false) AS int)")
