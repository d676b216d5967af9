"""How far each day's features and predictions are from the rows that the model was trained on.

Every column is cut into bins at the baseline's deciles, with one more bin for nulls; a day is described by the share
of its rows in each bin, `p`, against the baseline's, `q`:

- population stability index: sum of (p - q) ln(p / q), with shares below `SMALLEST_SHARE` raised to it
  (Siddiqi, Credit Risk Scorecards, 2006; 0.1 to 0.25 is a moderate change, above it a large one);
- Jensen-Shannon distance: square root of the mean Kullback-Leibler divergence of p and q from their mean, in bits
  (as `scipy.spatial.distance.jensenshannon` with base 2);
- Kolmogorov-Smirnov statistic: largest difference of the cumulated shares, over the bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy.spatial.distance import jensenshannon

from my_mlops_stacks.monitoring.columns import DRIFT_COLUMNS
from my_mlops_stacks.monitoring.windows import window_columns

SMALLEST_SHARE = 1e-4
DECILES = np.linspace(0, 1, 11)[1:-1]

DRIFT_SCHEMA = (
    "day date, model_name string, model_version int, column_name string, count long, "
    "population_stability_index double, js_distance double, ks_statistic double"
)


@dataclass(frozen=True)
class Bins:
    """The baseline of one column: inner edges (in the column's unit) and the share of each bin, the nulls' last."""

    column: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]


def bins_of(baseline: pd.DataFrame, columns: Sequence[str]) -> list[Bins]:
    """Decile bins of the baseline's columns; a column with few distinct values gets fewer."""
    return [_bins(baseline[column].astype("float64"), column) for column in columns]


def _bins(values: pd.Series, column: str) -> Bins:
    present = values.dropna().to_numpy()
    edges = np.unique(np.quantile(present, DECILES)) if len(present) else np.array([])
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    counts = np.append(counts, len(values) - len(present))
    return Bins(column, tuple(edges.tolist()), tuple((counts / max(len(values), 1)).tolist()))


def drift_metrics(predictions: DataFrame, bins: Sequence[Bins]) -> DataFrame:
    """One row per day, model version and column of `bins`: columns of `DRIFT_COLUMNS`.

    The rows are counted where they are; only the counts come here.
    """
    names = ["day", "model_name", "model_version"]
    counts = predictions.groupBy(*names).agg(F.count("*").alias("count"), *(_counts(b).alias(b.column) for b in bins))
    rows = [
        (
            *(row[name] for name in names),
            b.column,
            row["count"],
            *_distances(np.array(row[b.column]), np.array(b.shares)),
        )
        for row in counts.collect()
        for b in bins
    ]
    columns = window_columns() | {
        "drift_type": F.lit("BASELINE"),
    }
    drift = predictions.sparkSession.createDataFrame(rows, DRIFT_SCHEMA)
    return drift.withColumns(columns).select(*DRIFT_COLUMNS)


def _counts(bins: Bins) -> Column:
    """Rows per bin of one column, as an array: differences of the counts at or below each edge, then the nulls."""
    value = F.col(bins.column).cast("double")
    value = F.when(~F.isnan(value), value)
    below = [F.count(F.when(value <= edge, 1)) for edge in bins.edges] + [F.count(value)]
    inner = [high - low for low, high in pairwise(below)]
    return F.array(below[0], *inner, F.count("*") - F.count(value))


def _distances(counts: np.ndarray, baseline: np.ndarray) -> tuple[float, float, float]:
    day = counts / counts.sum()
    p, q = np.maximum(day, SMALLEST_SHARE), np.maximum(baseline, SMALLEST_SHARE)
    stability = float(np.sum((p - q) * np.log(p / q)))
    steps = float(np.max(np.abs(np.cumsum(day) - np.cumsum(baseline))))
    return stability, float(jensenshannon(day, baseline, base=2)), steps


def newest_stability(drift: DataFrame, column: str) -> tuple[str | None, float | None]:
    """The newest day in the drift table and its PSI of `column`, or None twice when the table has no row of it."""
    newest = drift.where(F.col("column_name") == column).orderBy(F.desc("day"), F.desc("model_id")).limit(1).collect()
    return (str(newest[0]["day"]), newest[0]["population_stability_index"]) if newest else (None, None)
