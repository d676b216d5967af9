"""Daily profile of the predictions, in the columns of Databricks' profile metrics table.

Source of the columns: Databricks data quality monitoring, inference profile. The task's metrics are of the labelled
rows. Spark computes everything in two aggregations: one over the inputs and features, one over the labelled predictions
in every slice; ranking metrics take a third.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.classes import with_class_metrics
from mlops_core.monitoring.columns import (
    COLUMN_METRICS,
    PREDICTION,
    QUANTILES,
    profile_columns,
    table_metrics,
    watched,
)
from mlops_core.monitoring.order import with_order_metrics
from mlops_core.monitoring.quantiles import IN_ORDER, with_quantiles
from mlops_core.monitoring.slicing import SLICE, grouping_sets, slice_key, slice_value, with_slices
from mlops_core.monitoring.windows import MODEL_DAY, computed, number, window_columns
from mlops_core.project import Project
from mlops_core.tasks.classes import Classes

TABLE = ":table"
TEXT = "string"

AGGREGATES = {
    "present": "count({0})",
    "num_nan": "count(CASE WHEN {0}__is_nan THEN 1 END)",
    "num_zeros": "count(CASE WHEN {0} = 0 THEN 1 END)",
    "avg": "avg({0})",
    "stddev": "stddev_samp({0})",
    "min": "min({0})",
    "max": "max({0})",
    "in_order": IN_ORDER,
}


@dataclass(frozen=True)
class Described:
    """A profiled column: its type, and whether it is categorical, without an order of values."""

    name: str
    type: str
    is_categorical: bool = False

    @property
    def is_text(self) -> bool:
        return self.type == TEXT

    @property
    def has_quantiles(self) -> bool:
        return not (self.is_text or self.is_categorical)

    @property
    def aggregates(self) -> list[str]:
        """SQL of its aggregates, which are named `<column>__<metric>`."""
        left_out = {*AGGREGATES} - {"present"} if self.is_text else set() if self.has_quantiles else {"in_order"}
        wanted = {name: how.format(self.name) for name, how in AGGREGATES.items() if name not in left_out}
        return [f"{how} AS {self.name}__{name}" for name, how in wanted.items()]


def profile_metrics(predictions: DataFrame, labelled: DataFrame, project: Project) -> DataFrame:
    """Rows per day and model version, columns of `profile_columns`, computed once.

    For the day as a whole: `:table` with the metrics, each input and feature, the prediction and the label. For each
    slice: `:table`, the prediction and the label.

    Args:
        predictions: the days' rows of the predictions table.
        labelled: the same rows with the label, as `with_labels` makes them.
    """
    types = dict(predictions.dtypes)
    inputs = [
        Described(name, types[name], name in project.categorical)
        for name in watched(project)
        if name in types and name != PREDICTION
    ]
    by_day = _numbers(predictions, inputs).groupBy(*MODEL_DAY)
    whole = by_day.agg(F.expr("count(1) AS count"), *(F.expr(how) for each in inputs for how in each.aggregates))
    whole = with_quantiles(whole, [each.name for each in inputs if each.has_quantiles])
    whole = whole.withColumns({name: F.lit(None).cast("string") for name in SLICE})
    by_column = _exploded(whole, [_column_row(each, project) for each in inputs], project)
    shape = project.model.task.shape
    both = (PREDICTION, project.events.label_column)
    outputs = [Described(name, shape.described_as, shape.is_categorical) for name in both]
    rows = [_table_row(project), *(_column_row(each, project) for each in outputs)]
    return computed(_exploded(_sliced(labelled, outputs, project), rows, project).unionByName(by_column))


def _sliced(labelled: DataFrame, outputs: Sequence[Described], project: Project) -> DataFrame:
    """One row per day, model version and slice, with the metrics and the descriptions of prediction and label."""
    slices, task = project.model.slices, project.model.task
    metrics = [metric for metric in task.monitored if metric.is_column]
    rows = _numbers(with_slices(labelled, slices), outputs)
    predicted, actual = (F.col(each.name) for each in outputs)
    is_judged = predicted.isNotNull() & actual.isNotNull()
    judged = task.shape.judged(project.events.label_column)
    rows = rows.withColumns({name: F.when(is_judged, F.expr(how)) for name, how in judged.items()})
    aggregates = {"labelled_count": "count(actual)", "last_prediction_time": "max(prediction_time)"}
    aggregates |= {metric.name: metric.sql for metric in metrics if metric.of == "rows"}
    described = [how for each in outputs for how in each.aggregates]
    selected = [f"{how} AS {name}" for name, how in aggregates.items()] + described
    keys = ", ".join((*MODEL_DAY, *(each.name for each in slices)))
    query = (
        f"SELECT {keys}, {slice_key(slices)} AS slice_key, count(1) AS count, {', '.join(selected)} "  # noqa: S608, our names
        f"FROM {{rows}} GROUP BY {grouping_sets(slices, MODEL_DAY)}"
    )
    groups = labelled.sparkSession.sql(query, rows=rows).withColumn("slice_value", slice_value(slices))
    if isinstance(task.shape, Classes):
        groups = with_class_metrics(groups, rows, slices, metrics, task.shape.names)
    else:
        groups = with_order_metrics(groups, rows, slices, metrics)
    return with_quantiles(groups, [each.name for each in outputs if each.has_quantiles])


def _numbers(rows: DataFrame, columns: Sequence[Described]) -> DataFrame:
    """The rows with all columns but strings as doubles, and `<column>__is_nan` for NaN."""
    names = [each.name for each in columns if not each.is_text]
    if not names:
        return rows
    is_nan = {f"{name}__is_nan": F.isnan(F.col(name).cast("double")) for name in names}
    return rows.withColumns(is_nan).withColumns({name: number(name) for name in names})


def _exploded(wide: DataFrame, rows: Sequence[Column], project: Project) -> DataFrame:
    """One row of the profile for each group of `wide` and each of `rows`."""
    exploded = wide.select(*MODEL_DAY, *SLICE, "count", F.explode(F.array(*rows)).alias("row"))
    exploded = exploded.select(*MODEL_DAY, *SLICE, "count", "row.*")
    return exploded.withColumns(window_columns() | {"log_type": F.lit("INPUT")}).select(*profile_columns(project))


def _table_row(project: Project) -> Column:
    metrics = {name: F.col(name) for name in table_metrics(project) if name != "label_coverage"}
    return _row(TABLE, None, metrics | {"label_coverage": F.col("labelled_count") / F.col("count")}, project)


def _column_row(column: Described, project: Project) -> Column:
    nulls = F.col("count") - F.col(f"{column.name}__present")
    metrics: dict[str, Column] = {"num_nulls": nulls, "percent_null": 100 * nulls / F.col("count")}
    if not column.is_text:
        numbers = ("num_nan", "num_zeros", "avg", "stddev", "min", "max")
        metrics |= {name: F.col(f"{column.name}__{name}") for name in numbers}
        metrics |= {"percent_zeros": 100 * metrics["num_zeros"] / F.col("count")}
    if column.has_quantiles:
        quantiles = F.col(f"{column.name}__quantiles")
        metrics |= {"median": quantiles[QUANTILES.index(0.5)], "quantiles": quantiles}
    return _row(column.name, column.type, metrics, project)


def _row(column: str, data_type: str | None, metrics: Mapping[str, Column], project: Project) -> Column:
    """A struct of all metrics, those that the row does not have as nulls."""
    about = [F.lit(column).alias("column_name"), F.lit(data_type).cast("string").alias("data_type")]
    columns = COLUMN_METRICS | table_metrics(project)
    values = {name: metrics.get(name, F.lit(None)).cast(kind) for name, (kind, _) in columns.items()}
    return F.struct(*about, *(value.alias(name) for name, value in values.items()))
