"""The columns that say which day of which model version a row of the monitor tables is about."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

MODEL_DAY = ("day", "model_name", "model_version")


def window_columns() -> dict[str, Column]:
    """`window`, `granularity` and `model_id`, from the columns `day`, `model_name` and `model_version`."""
    return {"window": day_window("day"), "granularity": F.lit("1 day"), "model_id": model_id()}


def day_window(day: str) -> Column:
    """The window of the date column `day`, null where it is."""
    start, end = F.col(day).cast("timestamp"), F.date_add(day, 1).cast("timestamp")
    return F.when(F.col(day).isNotNull(), F.struct(start.alias("start"), end.alias("end")))


def model_id() -> Column:
    return F.concat_ws("/", "model_name", F.col("model_version").cast("string"))


def number(column: str) -> Column:
    """The column as a double; NaN, which is no value to a model either, becomes null."""
    value = F.col(column).cast("double")
    return F.when(~F.isnan(value), value)


def computed(small: DataFrame) -> DataFrame:
    """The same few rows, materialized, so that later reads don't repeat the joins and aggregations.

    `DataFrame.cache` would be shorter, but serverless compute does not support it.
    """
    return small.sparkSession.createDataFrame(small.toArrow(), small.schema)
