"""Bins for comparing a column between days, derived from the rows that the model was trained on.

Numeric columns are cut at the baseline's deciles; a value that is more than one of them, such as a constant, has a bin
of its own. Categorical columns, strings among them, have a bin for each value with at least the share `FREQUENT` of the
baseline, and one for all others: unseen values count there, and rare ones cause no noise. A predicted class, and the
label that is one, has a bin for each class that is declared. Nulls have a bin of their own, except for the label: a
null label has not arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from mlops_core.monitoring.columns import PREDICTION, watched
from mlops_core.monitoring.windows import number
from mlops_core.project import Project
from mlops_core.tasks.classes import Classes

DECILES = np.linspace(0, 1, 11)[1:-1]
FREQUENT = 0.02
FURTHEST = np.finfo(float).max / 2
"""Beyond it there is no edge; the difference of two edges is a double."""
SEGMENT_ROWS = 500
"""Of fewer training rows in the baseline, the bins of a segment would differ by chance alone."""


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
    edges: tuple[float, ...] | tuple[str, ...]
    baseline: Counts
    is_categorical: bool = False
    is_text: bool = False
    is_label: bool = False

    def recounted(self, values: pd.Series) -> Bins:
        """The same bins, of other rows of the baseline."""
        if self.is_categorical:
            made = _by_value(values, self.column, is_text=self.is_text, among=self.edges)
            return replace(made, is_label=self.is_label)
        return _by_edge(values.astype("float64"), self.column, is_label=self.is_label, edges=np.array(self.edges))

    @property
    def value(self) -> Column:
        """The column as it is binned: strings unchanged, everything else as numbers."""
        return F.col(self.column) if self.is_text else number(self.column)

    def aggregates(self, prefix: str) -> list[Column]:
        """What to count of a group of rows with `value`: columns `<prefix>__bins`, `__total` and so on."""
        value = F.col(self.column)
        counted = self._by_value(value) if self.is_categorical else self._by_edge(value)
        nothing = F.lit(0).cast("bigint")
        nulls = nothing if self.is_label else F.count(F.lit(1)) - F.count(value)
        return [
            F.array(*counted, nulls).alias(f"{prefix}__bins"),
            (F.lit(0.0) if self.is_text else F.sum(value)).alias(f"{prefix}__total"),
            F.count(value).alias(f"{prefix}__present"),
            (nothing if self.is_text else F.count(F.when(value == 0, 1))).alias(f"{prefix}__zeros"),
        ]

    def _by_edge(self, value: Column) -> list[Column]:
        """Differences of the counts at or below each edge."""
        below = [F.count(F.when(value <= edge, 1)) for edge in self.edges] + [F.count(value)]
        return [below[0], *(high - low for low, high in pairwise(below))]

    def _by_value(self, value: Column) -> list[Column]:
        """The count of each frequent value, and of what is left."""
        frequent = [F.count(F.when(value == category, 1)) for category in self.edges]
        return [*frequent, sum((-count for count in frequent), F.count(value))]


def bins_of_segments(baseline: pd.DataFrame, bins: Sequence[Bins], column: str) -> dict[str, list[Bins]]:
    """Value of the column, as text, of which the baseline has `SEGMENT_ROWS` -> the same bins of its rows."""
    texts = pd.Series(as_texts(baseline[column]), baseline.index)
    found = {str(value): rows for value, rows in baseline.groupby(texts) if len(rows) >= SEGMENT_ROWS}
    return {value: [b.recounted(rows[b.column]) for b in bins] for value, rows in found.items()}


def as_texts(values: pd.Series) -> list[str | None]:
    """As Spark casts texts, whole numbers and booleans to strings; the baseline has numbers as doubles."""
    if pd.api.types.is_bool_dtype(values.dropna().infer_objects().dtype):
        return [None if pd.isna(each) else str(bool(each)).lower() for each in values]
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    return [None if pd.isna(each) else str(int(each)) if is_number else str(each) for each in values]


def bins_of(baseline: pd.DataFrame, project: Project) -> list[Bins]:
    """The bins of the monitored columns that the baseline has; few distinct values give fewer bins."""
    label, shape, found = project.events.label_column, project.model.task.shape, []
    for column in (name for name in watched(project) if name in baseline):
        if isinstance(shape, Classes) and column in (PREDICTION, label):
            found.append(_by_class(baseline[column], column, shape, is_label=column == label))
        elif column in project.categorical and column != label:
            found.append(_by_value(baseline[column], column, is_text=project.predicted_columns[column][0] == "string"))
        else:
            found.append(_by_edge(baseline[column].astype("float64"), column, is_label=column == label))
    return found


def _by_class(values: pd.Series, column: str, classes: Classes, *, is_label: bool) -> Bins:
    """A bin for each declared class, however rare."""
    made = _by_value(values, column, is_text=classes.is_text, among=classes.classes)
    return replace(made, is_label=is_label)


def _by_value(values: pd.Series, column: str, *, is_text: bool, among: Sequence[object] | None = None) -> Bins:
    """A bin for each value `among` these, by default the frequent ones."""
    present = values.dropna() if is_text else values.astype("float64").dropna()
    shares = present.value_counts(normalize=True)
    frequent: list[Any] = sorted(shares.index[shares >= FREQUENT].tolist()) if among is None else list(among)
    by_value = present.value_counts().reindex(frequent, fill_value=0).tolist()
    counts = np.array([*by_value, len(present) - sum(by_value), len(values) - len(present)])
    total, zeros = (0.0, 0) if is_text else (float(present.sum()), int((present == 0).sum()))
    counted = Counts(counts, total, len(present), zeros)
    return Bins(column, tuple(frequent), counted, is_categorical=True, is_text=is_text)


def _by_edge(values: pd.Series, column: str, *, is_label: bool, edges: np.ndarray | None = None) -> Bins:
    present = values.dropna().to_numpy()
    if edges is None:
        edges = _edges(present) if len(present) else np.array([])
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    nulls = 0 if is_label else len(values) - len(present)
    counted = Counts(np.append(counts, nulls), float(present.sum()), len(present), int(np.sum(present == 0)))
    return Bins(column, tuple(edges.tolist()), counted, is_label=is_label)


def _edges(present: np.ndarray) -> np.ndarray:
    """The deciles, and just below a value that is more than one of them: lower values would hide in its bin."""
    finite = np.clip(present, -FURTHEST, FURTHEST)  # between two infinities lies no number
    deciles, times = np.unique(np.quantile(finite, DECILES), return_counts=True)
    return np.union1d(deciles, np.nextafter(deciles[times > 1], -np.inf))
