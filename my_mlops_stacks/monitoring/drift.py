"""How far each day's features, predictions and labels are from the model's training rows, and from the day before.

The rows are counted in bins where they are; only the counts come here. `statistics` defines what is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.monitoring.bins import Bins, Counts
from my_mlops_stacks.monitoring.columns import DRIFT_COLUMNS, LABEL
from my_mlops_stacks.monitoring.statistics import (
    Test,
    chi_squared_test,
    js_distance,
    ks_test,
    population_stability_index,
)
from my_mlops_stacks.monitoring.windows import MODEL_DAY, computed, day_window, window_columns

BASELINE, CONSECUTIVE = "BASELINE", "CONSECUTIVE"
COMPUTED = (
    "count",
    "avg_delta",
    "percent_null_delta",
    "population_stability_index",
    "js_distance",
    "ks_test",
    "chi_squared_test",
)

Key = tuple[str, int]  # model and version


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
        labelled: the same rows with `fare_amount`, as `with_labels` makes them.
        bins: of each model version, by (name, version); a version without an entry is not described.
    """
    rows = [row for version, found in bins.items() for row in _of_version(predictions, labelled, version, found)]
    types = dict(predictions.dtypes) | {LABEL: "double"}
    rows = [(*row, types[row[5]]) for row in rows if row[0] >= first_day]
    kinds = ", ".join(f"{name} {DRIFT_COLUMNS[name][0]}" for name in COMPUTED)
    schema = (
        f"day date, model_name string, model_version int, before date, drift_type string, column_name string, {kinds}, "
        "data_type string"
    )
    drift = predictions.sparkSession.createDataFrame(rows, schema)
    slices = {name: F.lit(None).cast("string") for name in ("slice_key", "slice_value")}
    drift = drift.withColumns(window_columns() | slices | {"window_cmp": day_window("before")})
    return computed(drift.select(*DRIFT_COLUMNS))


def _of_version(
    predictions: DataFrame, labelled: DataFrame, version: Key, bins: Sequence[Bins]
) -> Iterator[tuple[Any, ...]]:
    counted = _counts(predictions, [b for b in bins if b.column != LABEL])
    for key, found in _counts(labelled, [b for b in bins if b.column == LABEL]).items():
        counted.setdefault(key, {}).update(found)
    for day in sorted(key[0] for key in counted if key[1:] == version):
        today, before = counted[(day, *version)], _day_before(counted, day, version)
        for b in bins:
            yield (day, *version, None, BASELINE, b.column, *_compared(b, today[b.column], b.baseline))
            if before is not None:
                compared = _compared(b, today[b.column], before[b.column])
                yield (day, *version, day - timedelta(days=1), CONSECUTIVE, b.column, *compared)


def _counts(rows: DataFrame, bins: Sequence[Bins]) -> dict[tuple[date, str, int], dict[str, Counts]]:
    """(day, model, version) -> column -> its counts."""
    if not bins:
        return {}
    groups = rows.groupBy(*MODEL_DAY).agg(*(aggregate for b in bins for aggregate in b.aggregates())).collect()
    return {
        tuple(group[name] for name in MODEL_DAY): {b.column: _counts_of(group.asDict(), b.column) for b in bins}
        for group in groups
    }


def _counts_of(group: dict[str, Any], column: str) -> Counts:
    counts = np.array(group[f"{column}__bins"])
    return Counts(counts, group[f"{column}__total"] or 0.0, group[f"{column}__present"])


def _day_before(
    counted: Mapping[tuple[date, str, int], dict[str, Counts]], day: date, version: Key
) -> dict[str, Counts] | None:
    there = [key for key in counted if key[0] == day - timedelta(days=1)]
    newest = max(there, key=lambda key: (key[1:] == version, key[2]), default=None)
    return None if newest is None else counted[newest]


def _compared(bins: Bins, sample: Counts, reference: Counts) -> tuple[Any, ...]:
    """Values of `COMPUTED`; nulls when a sample has no rows, such as labels that have not arrived."""
    n, m = int(sample.by_bin.sum()), int(reference.by_bin.sum())
    if not n or not m:
        return (n, *([None] * (len(COMPUTED) - 1)))
    counts = sample.by_bin, reference.by_bin
    numbers = sample.by_bin[:-1], reference.by_bin[:-1]
    averages = None not in (sample.average, reference.average) and not bins.is_categorical
    return (
        n,
        sample.average - reference.average if averages else None,
        float(100 * (sample.by_bin[-1] / n - reference.by_bin[-1] / m)),
        population_stability_index(*counts),
        js_distance(*counts),
        None if bins.is_categorical else _struct(ks_test(*numbers)),
        _struct(chi_squared_test(*counts)) if bins.is_categorical else None,
    )


def _struct(test: Test | None) -> tuple[float, float] | None:
    return None if test is None else (test.statistic, test.pvalue)
