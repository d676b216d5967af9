"""The columns that say which day of which model version a row of the monitor tables is about."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def window_columns() -> dict[str, Column]:
    """`window`, `granularity` and `model_id`, from the columns `day`, `model_name` and `model_version`."""
    start, end = F.col("day").cast("timestamp"), F.date_add("day", 1).cast("timestamp")
    return {
        "window": F.struct(start.alias("start"), end.alias("end")),
        "granularity": F.lit("1 day"),
        "model_id": F.concat_ws("/", "model_name", F.col("model_version").cast("string")),
    }
