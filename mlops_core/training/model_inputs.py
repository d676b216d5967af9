"""What a model sees of an event: nothing that is only known later."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.project import Input, Project


def model_inputs(project: Project, events: DataFrame, *carried: str) -> DataFrame:
    """Time and inputs of each event, in the order of `project.input_columns`, and the columns named in `carried`."""
    inputs = [
        F.expr(column.expression).alias(column.name) if isinstance(column, Input) else F.col(column.name)
        for column in project.inputs
    ]
    return events.select(project.events.event_time, *inputs, *carried)
