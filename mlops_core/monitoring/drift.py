"""How far each day's features, predictions and labels are from the model's training rows, and from the day before.

Spark counts the rows by bin, and only the counts are collected; `comparison` computes the statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from mlops_core.monitoring.bins import Bins, Counts
from mlops_core.monitoring.columns import DRIFT_COLUMNS
from mlops_core.monitoring.comparison import COMPARED, compared
from mlops_core.monitoring.windows import MODEL_DAY, computed, day_window, window_columns

BASELINE, CONSECUTIVE = "BASELINE", "CONSECUTIVE"
Key = tuple[str, int]  # model and version
ModelDay = tuple[date, str, int]
Counted = dict[ModelDay, dict[tuple[Key, str], Counts]]
"""Counts of each version's rows of a day in the bins of each version, by (that version, column)."""


def versions_of(predictions: DataFrame) -> list[Key]:
    """The models and versions that predicted these rows."""
    return sorted(tuple(row) for row in predictions.select("model_name", "model_version").distinct().collect())


def drift_metrics(
    predictions: DataFrame, labelled: DataFrame, bins: Mapping[Key, Sequence[Bins]], first_day: date
) -> DataFrame:
    """Rows per day, model version and column: columns of `DRIFT_COLUMNS`, of the days from `first_day` on.

    A version is compared with its own training rows, in their bins, so that a day's drift stays what it was when
    another version has become champion. The day before is the one that the same version predicted, or else the newest
    version that did.

    Args:
        predictions: of the days to describe, and of the day before them.
        labelled: the same rows with the label, as `with_labels` makes them.
        bins: of each model version, by (name, version); a version without an entry is not described.
    """
    counted = _counts(predictions, {key: [b for b in found if not b.is_label] for key, found in bins.items()})
    of_label = {key: [b for b in found if b.is_label] for key, found in bins.items()}
    for group, counts in _counts(labelled, of_label).items():
        counted.setdefault(group, {}).update(counts)
    rows = [row for version, found in bins.items() for row in _of_version(counted, version, found)]
    labels = {b.column: "string" if b.is_text else "double" for found in of_label.values() for b in found}
    types = dict(predictions.dtypes) | labels
    rows = [(*row, types[row[5]]) for row in rows if row[0] >= first_day]
    kinds = ", ".join(f"{name} {DRIFT_COLUMNS[name][0]}" for name in COMPARED)
    schema = (
        f"day date, model_name string, model_version int, before date, drift_type string, column_name string, {kinds}, "
        "data_type string"
    )
    drift = predictions.sparkSession.createDataFrame(rows, schema)
    slices = {name: F.lit(None).cast("string") for name in ("slice_key", "slice_value")}
    drift = drift.withColumns(window_columns() | slices | {"window_cmp": day_window("before")})
    return computed(drift.select(*DRIFT_COLUMNS))


def _of_version(counted: Counted, version: Key, bins: Sequence[Bins]) -> Iterator[tuple[Any, ...]]:
    for day in sorted(group[0] for group in counted if group[1:] == version):
        today, before = counted[(day, *version)], _day_before(counted, day, version)
        for b in bins:
            sample, key = today[version, b.column], (version, b.column)
            yield (day, *version, None, BASELINE, b.column, *compared(b, sample, b.baseline))
            if before is not None:
                yield (
                    day,
                    *version,
                    day - timedelta(days=1),
                    CONSECUTIVE,
                    b.column,
                    *compared(b, sample, before[key]),
                )


def _counts(rows: DataFrame, bins: Mapping[Key, Sequence[Bins]]) -> Counted:
    """All versions' counts in one pass over the rows."""
    every = [(version, b) for version, found in bins.items() for b in found]
    numbered = {f"b{place}": of for place, of in enumerate(every)}
    if not numbered:
        return {}
    columns = {b.column: b.value.alias(b.column) for _, b in numbered.values()}
    aggregates = [aggregate for prefix, (_, b) in numbered.items() for aggregate in b.aggregates(prefix)]
    groups = rows.select(*MODEL_DAY, *columns.values()).groupBy(*MODEL_DAY).agg(*aggregates).collect()
    return {
        tuple(group[name] for name in MODEL_DAY): {
            (version, b.column): _counts_of(group, prefix) for prefix, (version, b) in numbered.items()
        }
        for group in groups
    }


def _counts_of(group: Row, prefix: str) -> Counts:
    counts, total = np.array(group[f"{prefix}__bins"]), group[f"{prefix}__total"]
    return Counts(counts, total or 0.0, group[f"{prefix}__present"], group[f"{prefix}__zeros"])


def _day_before(counted: Counted, day: date, version: Key) -> dict[tuple[Key, str], Counts] | None:
    there = [group for group in counted if group[0] == day - timedelta(days=1)]
    newest = max(there, key=lambda group: (group[1:] == version, group[2]), default=None)
    return None if newest is None else counted[newest]
