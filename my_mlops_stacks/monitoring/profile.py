"""How each day's predictions did, in the columns of Databricks' profile metrics table.

Source of the columns: Databricks data quality monitoring, inference profile. Errors are of the labelled rows.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.monitoring.columns import PROFILE_COLUMNS
from my_mlops_stacks.monitoring.windows import window_columns

LABEL, PREDICTION = "fare_amount", "prediction"


def profile_metrics(labelled: DataFrame) -> DataFrame:
    """One row per day and model version: columns of `PROFILE_COLUMNS`.

    Args:
        labelled: predictions with `fare_amount`, null while it has not arrived.
    """
    error = F.when(F.col(LABEL).isNotNull(), F.col(PREDICTION) - F.col(LABEL))
    per_day = labelled.groupBy("day", "model_name", "model_version").agg(
        F.count("*").alias("count"),
        F.count(LABEL).alias("labelled_count"),
        F.avg(error * error).alias("mean_squared_error"),
        F.avg(F.abs(error)).alias("mean_absolute_error"),
        F.avg(error).alias("bias"),
        F.avg(PREDICTION).alias("mean_prediction"),
        F.avg(LABEL).alias("mean_label"),
        F.var_pop(LABEL).alias("label_variance"),
    )
    columns = window_columns() | {
        "column_name": F.lit(":table"),
        "log_type": F.lit("INPUT"),
        "root_mean_squared_error": F.sqrt("mean_squared_error"),
        # One labelled row, or fares that are all the same, have no variance to explain: null, not infinity.
        "r2_score": F.when(F.col("label_variance") > 0, 1 - F.col("mean_squared_error") / F.col("label_variance")),
    }
    return per_day.withColumns(columns).select(*PROFILE_COLUMNS)


def computed(small: DataFrame) -> DataFrame:
    """The same few rows, computed once: what reads them again does not join and aggregate again.

    `DataFrame.cache` would say it shorter, but serverless compute refuses it.
    """
    return small.sparkSession.createDataFrame(small.toArrow(), small.schema)
