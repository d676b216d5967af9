"""How each day's predictions did, in the columns of Databricks' profile metrics table.

Source of the columns: Databricks data quality monitoring, inference profile of a regression. Errors are of the labelled
rows. All comes from two aggregations where the rows are: one over the predictions' features, one over the labelled
predictions in every slice.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.columns import (
    CATEGORICAL,
    COLUMN_METRICS,
    LABEL,
    PREDICTION,
    PROFILE_COLUMNS,
    QUANTILES,
    TABLE_METRICS,
    watched,
)
from mlops_core.monitoring.quantiles import IN_ORDER, with_quantiles
from mlops_core.monitoring.slicing import SLICE, grouping_sets, slice_columns, slice_key, slice_value
from mlops_core.monitoring.windows import MODEL_DAY, computed, number, window_columns
from my_mlops_stacks.monitoring.slices import SLICES

TABLE = ":table"

ERRORS = {
    "labelled_count": "count(error)",
    "mean_squared_error": "avg(error * error)",
    "mean_average_error": "avg(abs(error))",
    "mean_absolute_percentage_error": f"avg(abs(error) / {LABEL})",
    "bias": "avg(error)",
    "label_variance": f"var_pop(CASE WHEN error IS NOT NULL THEN {LABEL} END)",
    "last_prediction_time": "max(prediction_time)",
}


def profile_metrics(predictions: DataFrame, labelled: DataFrame) -> DataFrame:
    """Rows per day and model version, columns of `PROFILE_COLUMNS`, computed once.

    For the day as a whole: `:table` with the errors, each feature, the prediction and the label. For each slice:
    `:table`, the prediction and the label.

    Args:
        predictions: the days' rows of the predictions table.
        labelled: the same rows with `fare_amount`, as `with_labels` makes them.
    """
    features = [name for name in watched(predictions.columns) if name != PREDICTION]
    by_day = _numbers(predictions, features).groupBy(*MODEL_DAY)
    whole = by_day.agg(F.expr("count(1) AS count"), *map(F.expr, _descriptions(features)))
    whole = with_quantiles(whole, features).withColumns({name: F.lit(None).cast("string") for name in SLICE})
    rows = [_column_row(name, kind) for name, kind in predictions.select(*features).dtypes]
    by_column = _exploded(whole, rows)
    rows = [_table_row(), _column_row(PREDICTION, "double"), _column_row(LABEL, "double")]
    return computed(_exploded(_sliced(labelled), rows).unionByName(by_column))


def _sliced(labelled: DataFrame) -> DataFrame:
    """One row per day, model version and slice, with the errors and the descriptions of prediction and label."""
    rows = _numbers(labelled.withColumns(slice_columns(SLICES)), (PREDICTION, LABEL))
    rows = rows.withColumn("error", F.col(PREDICTION) - F.col(LABEL))
    aggregates = [f"{how} AS {name}" for name, how in ERRORS.items()] + _descriptions((PREDICTION, LABEL))
    keys = ", ".join((*MODEL_DAY, *(each.name for each in SLICES)))
    query = (
        f"SELECT {keys}, {slice_key(SLICES)} AS slice_key, count(1) AS count, {', '.join(aggregates)} "  # noqa: S608, our names
        f"FROM {{rows}} GROUP BY {grouping_sets(SLICES, MODEL_DAY)}"
    )
    groups = labelled.sparkSession.sql(query, rows=rows).withColumn("slice_value", slice_value(SLICES))
    return with_quantiles(groups, (PREDICTION, LABEL))


def _numbers(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows with `columns` as doubles, and `<column>__is_nan` for the values that are not a number."""
    is_nan = {f"{name}__is_nan": F.isnan(F.col(name).cast("double")) for name in columns}
    return rows.withColumns(is_nan).withColumns({name: number(name) for name in columns})


def _descriptions(columns: Sequence[str]) -> list[str]:
    """SQL of the aggregates of each column of `_numbers`; they are named `<column>__<metric>`."""
    aggregates = {
        "present": "count({0})",
        "num_nan": "count(CASE WHEN {0}__is_nan THEN 1 END)",
        "num_zeros": "count(CASE WHEN {0} = 0 THEN 1 END)",
        "avg": "avg({0})",
        "stddev": "stddev_samp({0})",
        "min": "min({0})",
        "max": "max({0})",
        "in_order": IN_ORDER,
    }
    return [
        f"{how.format(column)} AS {column}__{name}"
        for column in columns
        for name, how in aggregates.items()
        if not (name == "in_order" and column in CATEGORICAL)
    ]


def _exploded(wide: DataFrame, rows: Sequence[Column]) -> DataFrame:
    """One row of `PROFILE_COLUMNS` for each group of `wide` and each of `rows`."""
    exploded = wide.select(*MODEL_DAY, *SLICE, "count", F.explode(F.array(*rows)).alias("row"))
    exploded = exploded.select(*MODEL_DAY, *SLICE, "count", "row.*")
    return exploded.withColumns(window_columns() | {"log_type": F.lit("INPUT")}).select(*PROFILE_COLUMNS)


def _table_row() -> Column:
    metrics = {name: F.col(name) for name in ERRORS if name in TABLE_METRICS}
    metrics |= {
        "label_coverage": F.col("labelled_count") / F.col("count"),
        "root_mean_squared_error": F.sqrt("mean_squared_error"),
        # One labelled row, or fares that are all the same, have no variance to explain: null, not infinity.
        "r2_score": F.when(F.col("label_variance") > 0, 1 - F.col("mean_squared_error") / F.col("label_variance")),
    }
    return _row(TABLE, None, metrics)


def _column_row(column: str, data_type: str) -> Column:
    nulls, zeros = F.col("count") - F.col(f"{column}__present"), F.col(f"{column}__num_zeros")
    metrics = {name: F.col(f"{column}__{name}") for name in ("num_nan", "num_zeros", "avg", "stddev", "min", "max")}
    metrics |= {
        "num_nulls": nulls,
        "percent_null": 100 * nulls / F.col("count"),
        "percent_zeros": 100 * zeros / F.col("count"),
    }
    if column not in CATEGORICAL:
        quantiles = F.col(f"{column}__quantiles")
        metrics |= {"median": quantiles[QUANTILES.index(0.5)], "quantiles": quantiles}
    return _row(column, data_type, metrics)


def _row(column: str, data_type: str | None, metrics: dict[str, Column]) -> Column:
    """A struct of all metrics, those that the row does not have as nulls."""
    about = [F.lit(column).alias("column_name"), F.lit(data_type).cast("string").alias("data_type")]
    values = {
        name: metrics.get(name, F.lit(None)).cast(kind) for name, (kind, _) in (COLUMN_METRICS | TABLE_METRICS).items()
    }
    return F.struct(*about, *(value.alias(name) for name, value in values.items()))
