"""Metrics of predicted classes, whatever their number: rows are counted by both classes first, and few counts are left.

The area under the ROC curve takes a pass of its own, over one row for each class of each prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.order import GROUP, aggregates_of, joined, scores
from mlops_core.monitoring.slicing import grouping_sets, slice_key, slice_value
from mlops_core.monitoring.windows import MODEL_DAY
from mlops_core.project import Slice
from mlops_core.tasks import MonitorMetric

PLACE = "place_of_class"


def with_class_metrics(
    groups: DataFrame, rows: DataFrame, slices: Sequence[Slice], metrics: Sequence[MonitorMetric], names: str
) -> DataFrame:
    """The groups with a column for each metric, null where the labels do not determine it.

    Args:
        groups: a row per day, model version and slice.
        rows: the labelled predictions with the columns that `Classes.judged` names, and one for each slice.
        metrics: of which those are computed whose SQL is over cells, classes or scores.
        names: SQL of the names of the classes by their places, as an array of texts.
    """
    counted = _counted(rows, slices)
    cells = counted.withColumns(
        {"prediction": _name(names, "predicted"), "label": _name(names, "actual"), "count": F.col("cell")}
    )
    groups = joined(groups, cells.groupBy(*GROUP).agg(*aggregates_of(metrics, "cells")))
    groups = joined(groups, _classes(counted, names).groupBy(*GROUP).agg(*aggregates_of(metrics, "classes")))
    by_class = aggregates_of(metrics, "scores")
    of_each = scores(_one_vs_rest(rows), slices, PLACE).groupBy(*GROUP, PLACE).agg(*by_class)
    means = [F.avg(metric.name).alias(metric.name) for metric in metrics if metric.of == "scores"]
    return joined(groups, of_each.groupBy(*GROUP).agg(*means))


def _counted(rows: DataFrame, slices: Sequence[Slice]) -> DataFrame:
    """How many rows, `cell`, of each group are `predicted` to be of a class and are of another, by their places."""
    keys = (*MODEL_DAY, "predicted", "actual")
    query = (
        f"SELECT {', '.join((*keys, *(each.name for each in slices)))}, {slice_key(slices)} AS slice_key, "  # noqa: S608, our names
        f"count(1) AS cell FROM {{rows}} WHERE predicted IS NOT NULL GROUP BY {grouping_sets(slices, keys)}"
    )
    return rows.sparkSession.sql(query, rows=rows).withColumn("slice_value", slice_value(slices))


def _classes(counted: DataFrame, names: str) -> DataFrame:
    """A row per group and class that it has, with what SQL over "classes" is of."""
    each = counted.withColumn(PLACE, F.expr("explode(array_distinct(array(predicted, actual)))"))
    sums = {
        "labels": f"sum(CASE WHEN actual = {PLACE} THEN cell ELSE 0 END)",
        "predictions": f"sum(CASE WHEN predicted = {PLACE} THEN cell ELSE 0 END)",
        "hits": f"sum(CASE WHEN predicted = {PLACE} AND actual = {PLACE} THEN cell ELSE 0 END)",
    }
    by_class = each.groupBy(*GROUP, PLACE).agg(*(F.expr(how).alias(name) for name, how in sums.items()))
    everything = F.expr(f"sum(labels) OVER (PARTITION BY {', '.join(GROUP)})")
    return by_class.withColumns({"class": _name(names, PLACE), "everything": everything})


def _one_vs_rest(rows: DataFrame) -> DataFrame:
    """For each class the probability that a row is of it as `predicted`, and as `actual` 1 where it is, else 0."""
    known = rows.where("predicted IS NOT NULL")
    each = known.selectExpr("*", f"posexplode(class_probabilities) AS ({PLACE}, probability)")
    return each.withColumns({"actual": F.expr(f"CAST(actual = {PLACE} AS INT)"), "predicted": F.col("probability")})


def _name(names: str, place: str) -> Column:
    return F.coalesce(F.get(F.expr(names), F.col(place)), F.lit("undeclared"))
