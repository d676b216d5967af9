"""The bins over which the days of a column are compared, made of the rows that the model was trained on.

Numbers are cut at the baseline's deciles. Categories have a bin for each value that at least `FREQUENT` of the baseline
has, and one for all others: a zip that the baseline never had counts there, and rare zips don't come and go. Nulls have
a bin of their own, but for the label: without a value it has not arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from mlops_core.monitoring.columns import CATEGORICAL, LABEL

DECILES = np.linspace(0, 1, 11)[1:-1]
FREQUENT = 0.02


@dataclass(frozen=True)
class Counts:
    """One sample of a column: its rows by bin, the nulls' last; its values' sum, number, and zeros."""

    by_bin: np.ndarray
    total: float
    present: int
    zeros: int

    @property
    def average(self) -> float | None:
        return self.total / self.present if self.present else None


@dataclass(frozen=True)
class Bins:
    """The bins of one column: inner edges (in the column's unit), or its frequent values; and the baseline's counts."""

    column: str
    edges: tuple[float, ...]
    baseline: Counts

    @property
    def is_categorical(self) -> bool:
        return self.column in CATEGORICAL

    def aggregates(self, prefix: str) -> list[Column]:
        """What to count of a group of rows whose column is a number: columns `<prefix>__bins`, `__total` and so on."""
        value = F.col(self.column)
        counted = self._by_value(value) if self.is_categorical else self._by_edge(value)
        nulls = F.lit(0).cast("bigint") if self.column == LABEL else F.count(F.lit(1)) - F.count(value)
        return [
            F.array(*counted, nulls).alias(f"{prefix}__bins"),
            F.sum(value).alias(f"{prefix}__total"),
            F.count(value).alias(f"{prefix}__present"),
            F.count(F.when(value == 0, 1)).alias(f"{prefix}__zeros"),
        ]

    def _by_edge(self, value: Column) -> list[Column]:
        """Differences of the counts at or below each edge."""
        below = [F.count(F.when(value <= edge, 1)) for edge in self.edges] + [F.count(value)]
        return [below[0], *(high - low for low, high in pairwise(below))]

    def _by_value(self, value: Column) -> list[Column]:
        """The count of each frequent value, and of what is left."""
        frequent = [F.count(F.when(value == category, 1)) for category in self.edges]
        return [*frequent, sum((-count for count in frequent), F.count(value))]


def bins_of(baseline: pd.DataFrame, columns: Sequence[str]) -> list[Bins]:
    """The bins of those of `columns` that the baseline has; one with few distinct values gets fewer bins."""
    return [_bins(baseline[column].astype("float64"), column) for column in columns if column in baseline]


def _bins(values: pd.Series, column: str) -> Bins:
    present = values.dropna().to_numpy()
    if column in CATEGORICAL:
        shares = pd.Series(present).value_counts(normalize=True)
        edges = np.sort(shares.index[shares >= FREQUENT].to_numpy())
        counts = np.array([*(np.sum(present == edge) for edge in edges), np.sum(~np.isin(present, edges))])
    else:
        edges = np.unique(np.quantile(present, DECILES)) if len(present) else np.array([])
        counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    nulls = 0 if column == LABEL else len(values) - len(present)
    zeros = int(np.sum(present == 0))
    counted = Counts(np.append(counts, nulls), float(present.sum()), len(present), zeros)
    return Bins(column, tuple(edges.tolist()), counted)
