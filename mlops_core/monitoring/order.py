"""Ranking metrics, such as the area under the ROC curve: exact, in two aggregations.

Rows are first counted by prediction; the counts above each prediction are then window sums over few rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.slicing import SLICE, grouping_sets, slice_key, slice_value
from mlops_core.monitoring.windows import MODEL_DAY
from mlops_core.project import Slice
from mlops_core.tasks import MonitorMetric
from mlops_core.tasks.monitor_metric import Over

GROUP = (*MODEL_DAY, *SLICE)


def with_order_metrics(
    groups: DataFrame, rows: DataFrame, slices: Sequence[Slice], metrics: Sequence[MonitorMetric]
) -> DataFrame:
    """The groups with a column for each metric, null where the labels do not determine it.

    Args:
        groups: a row per day, model version and slice.
        rows: the labelled predictions with `actual`, `predicted` and a column for each slice.
        metrics: of which those are computed whose SQL is over scores.
    """
    aggregates = aggregates_of(metrics, "scores")
    return joined(groups, scores(rows, slices).groupBy(*GROUP).agg(*aggregates)) if aggregates else groups


def aggregates_of(metrics: Sequence[MonitorMetric], over: Over) -> list[Column]:
    """The metrics whose SQL is over such rows."""
    return [F.expr(metric.sql).alias(metric.name) for metric in metrics if metric.of == over]


def joined(groups: DataFrame, found: DataFrame) -> DataFrame:
    """The groups with the columns of `found`, which has at most one row for each."""
    found = found.withColumnsRenamed({name: f"of__{name}" for name in GROUP})
    same = [groups[name].eqNullSafe(found[f"of__{name}"]) for name in GROUP]
    return groups.join(found, [*same], "left").drop(*(f"of__{name}" for name in GROUP))


def scores(rows: DataFrame, slices: Sequence[Slice], *of: str) -> DataFrame:
    """A row per group and distinct prediction: `positives` and `negatives` with it, `hits` and `alarms` from it up.

    `of` are columns by which the rows of a group are counted apart.
    """
    keys = (*MODEL_DAY, *of, "predicted")
    named = ", ".join((*keys, *(each.name for each in slices)))
    query = (
        f"SELECT {named}, {slice_key(slices)} AS slice_key, sum(actual) AS positives, "  # noqa: S608, our names
        "sum(1 - actual) AS negatives FROM {rows} WHERE predicted IS NOT NULL "
        f"GROUP BY {grouping_sets(slices, keys)}"
    )
    counted = rows.sparkSession.sql(query, rows=rows).withColumn("slice_value", slice_value(slices))
    above = f"(PARTITION BY {', '.join((*GROUP, *of))} ORDER BY predicted DESC)"
    sums = {"hits": f"sum(positives) OVER {above}", "alarms": f"sum(positives + negatives) OVER {above}"}
    return counted.withColumns({name: F.expr(how) for name, how in sums.items()})
