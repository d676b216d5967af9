"""How far each day's features, predictions and labels are from the model's training rows, and from the day before.

Spark counts the rows by bin, and only the counts are collected; `comparison` computes the statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from mlops_core.monitoring.bins import Bins, Counts, bins_of_segments
from mlops_core.monitoring.columns import DRIFT_COLUMNS
from mlops_core.monitoring.comparison import COMPARED, compared
from mlops_core.monitoring.windows import MODEL_DAY, computed, day_window, window_columns
from mlops_core.project import Model

BASELINE, CONSECUTIVE = "BASELINE", "CONSECUTIVE"
Key = tuple[str, int]  # model and version
ModelDay = tuple[Any, ...]  # day, model and version; and the segment where it is one's
Counted = dict[ModelDay, dict[tuple[Key, str], Counts]]
"""Counts of each version's rows of a day in the bins of each version, by (that version, column)."""


@dataclass(frozen=True)
class Segmented:
    """What segments go by, and the bins of each version's segments, by the text of their value."""

    column: str
    bins: Mapping[Key, Mapping[str, Sequence[Bins]]]


def segmented(
    model: Model, baselines: Mapping[Key, pd.DataFrame], bins: Mapping[Key, Sequence[Bins]]
) -> Segmented | None:
    """The segments of a model, as its versions' training rows have them; None where it has no segments."""
    if not model.by_segment:
        return None
    column = model.by_segment.column
    those = {key: rows for key, rows in baselines.items() if column in rows}
    return Segmented(column, {key: bins_of_segments(rows, bins[key], column) for key, rows in those.items()})


def versions_of(predictions: DataFrame) -> list[Key]:
    """The models and versions that predicted these rows."""
    return sorted(tuple(row) for row in predictions.select("model_name", "model_version").distinct().collect())


def drift_metrics(
    predictions: DataFrame,
    labelled: DataFrame,
    bins: Mapping[Key, Sequence[Bins]],
    first_day: date,
    segments: Segmented | None = None,
) -> DataFrame:
    """Rows per day, model version and column: columns of `DRIFT_COLUMNS`, of the days from `first_day` on.

    A version is compared with its own training rows, in their bins, so that a day's drift stays what it was when
    another version has become champion. The day before is the one that the same version predicted, or else the newest
    version that did.

    Args:
        predictions: of the days to describe, and of the day before them.
        labelled: the same rows with the label, as `with_labels` makes them.
        bins: of each model version, by (name, version); a version without an entry is not described.
        segments: what is described besides, compared with the training rows of the same segment.
    """
    counted = _counted(predictions, labelled, bins)
    rows = [(*row, None, None) for version, found in bins.items() for row in _of_version(counted, version, found)]
    if segments:
        of_segments = _counted(predictions, labelled, bins, segments.column)
        rows += [row for version in bins for row in _of_segments(of_segments, version, segments)]
    of_labels = [b for found in bins.values() for b in found if b.is_label]
    types = dict(predictions.dtypes) | {b.column: "string" if b.is_text else "double" for b in of_labels}
    rows = [(*row, types[row[5]]) for row in rows if row[0] >= first_day]
    kinds = ", ".join(f"{name} {DRIFT_COLUMNS[name][0]}" for name in COMPARED)
    schema = (
        f"day date, model_name string, model_version int, before date, drift_type string, column_name string, {kinds}, "
        "slice_key string, slice_value string, data_type string"
    )
    drift = predictions.sparkSession.createDataFrame(rows, schema)
    drift = drift.withColumns(window_columns() | {"window_cmp": day_window("before")})
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


def _of_segments(counted: Counted, version: Key, segments: Segmented) -> Iterator[tuple[Any, ...]]:
    bins = segments.bins.get(version, {})
    for group, counts in sorted(counted.items(), key=lambda one: repr(one[0])):
        day, *key, value = group
        for b in bins.get(value, ()) if tuple(key) == version else ():
            drift = compared(b, counts[version, b.column], b.baseline)
            yield (day, *version, None, BASELINE, b.column, *drift, segments.column, value)


def _counted(predictions: DataFrame, labelled: DataFrame, bins: Mapping[Key, Sequence[Bins]], by: str = "") -> Counted:
    """The counts of predictions, and of those with a label the label's."""
    counted = _counts(predictions, {key: [b for b in found if not b.is_label] for key, found in bins.items()}, by)
    of_label = {key: [b for b in found if b.is_label] for key, found in bins.items()}
    for group, counts in _counts(labelled, of_label, by).items():
        counted.setdefault(group, {}).update(counts)
    return counted


def _counts(rows: DataFrame, bins: Mapping[Key, Sequence[Bins]], by: str) -> Counted:
    """All versions' counts in one pass over the rows, by the text of a column too where one is named."""
    every = [(version, b) for version, found in bins.items() for b in found]
    numbered = {f"b{place}": of for place, of in enumerate(every)}
    if not numbered:
        return {}
    columns = {b.column: b.value.alias(b.column) for _, b in numbered.values()}
    aggregates = [aggregate for prefix, (_, b) in numbered.items() for aggregate in b.aggregates(prefix)]
    segment = [F.col(by).cast("string").alias("slice_value")] if by else []
    keys = (*MODEL_DAY, "slice_value") if by else MODEL_DAY
    groups = rows.select(*MODEL_DAY, *segment, *columns.values()).groupBy(*keys).agg(*aggregates).collect()
    return {
        tuple(group[name] for name in keys): {
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
