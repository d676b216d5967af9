"""What a model sees of an event: nothing that is only known later."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.project import Input, Project
from mlops_core.project.expressions import require_sql

WHOLE = ("int", "bigint")
NOT_NUMBERS = ("string", "boolean", "date", "timestamp")


def model_inputs(project: Project, events: DataFrame, *carried: str) -> DataFrame:
    """Time and inputs of each event, in the order of `project.input_columns`, and the columns named in `carried`.

    Raises:
        InvalidSqlError: an input is no SQL over the events.
    """
    expressions = {column.name: column.expression for column in project.inputs if isinstance(column, Input)}
    require_sql(events, expressions, f"Model '{project.model.name}', inputs")
    inputs = [
        F.expr(column.expression).cast(column.type).alias(column.name)
        if isinstance(column, Input)
        else F.col(column.name)
        for column in project.inputs
    ]
    return events.select(project.events.event_time, *inputs, *carried)


def as_declared(project: Project, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with inputs and features in the types that callers of the logged model give.

    Texts and booleans are as they are. Numbers are doubles, and a missing one is NaN, but for integers of the event
    itself that are never missing: MLflow takes no integer of 64 bits, which is pandas' own, for a double.
    """
    kinds = {name: kind for name, (kind, _) in project.predicted_columns.items() if name in rows}
    numbers = dict.fromkeys((name for name, kind in kinds.items() if kind not in NOT_NUMBERS), "float64")
    whole = [name for name in _required_integers(project) if name in rows and not rows[name].isna().any()]
    return rows.astype(numbers | dict.fromkeys(whole, "int64"))


def _required_integers(project: Project) -> list[str]:
    """The integers among the inputs of the event that are made of columns that no event lacks."""
    required = set(project.events.required)
    return [
        column.name
        for column in project.inputs
        if column.type in WHOLE and not column.nullable and required.issuperset(project.sources(column))
    ]
