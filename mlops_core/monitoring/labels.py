"""Joining predictions with their labels."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.monitoring.windows import MODEL_DAY
from mlops_core.project import Project


def with_labels(
    predictions: DataFrame, events: DataFrame, project: Project, first_day: date, last_day: date
) -> DataFrame:
    """Predictions for the days [`first_day`, `last_day`], each with the label of its event.

    The label is null while it is not known. Every prediction stays one row, and a label is used once for each model
    version; events of one identity are paired in order of the label. Of the other columns only the identity, those that
    slices go by, and the model's stay. Collecting rows of the same key costs a sixth of numbering them in a window.
    """
    table, label = project.events, project.events.label_column
    identity = [name for name in table.identity if name != "day"]
    in_days = F.col("day").between(F.lit(first_day), F.lit(last_day))
    known = events.where(in_days).where(table.is_labelled).groupBy("day", *identity)
    labels = known.agg(F.sort_array(F.collect_list(label)).alias("labels"))
    sliced_by = sorted({each.column for each in project.model.slices} - {*identity, "day"})
    kept = project.model.task.shape.kept
    # In a struct, for lists leave nulls out.
    scored = F.struct(*(F.expr(how).alias(name) for name, how in kept.items()), *sliced_by)
    groups = predictions.where(in_days).groupBy(*MODEL_DAY, *identity)
    predicted = groups.agg(
        F.sort_array(F.collect_list(scored)).alias("scored"), F.max("prediction_time").alias("prediction_time")
    )
    rows = predicted.join(labels, ["day", *identity], "left")
    rows = rows.select("*", F.posexplode("scored").alias("nth", "one"))
    return rows.select(
        *MODEL_DAY,
        *identity,
        *(F.col(f"one.{name}").alias(name) for name in (*sliced_by, *kept)),
        "prediction_time",
        F.get("labels", "nth").alias(label),
    )
