"""Which windows of the monitor tables are judged: the queries' common part, the same text on Sail and Apache Spark."""

from __future__ import annotations

from datetime import date
from typing import Any

from pyspark.sql import DataFrame

SCORED = """
WITH scored AS (
    SELECT *, row_number() OVER (PARTITION BY day ORDER BY last_prediction_time DESC, model_id DESC) AS nth
    FROM {profile}
    WHERE column_name = ':table' AND slice_key IS NULL AND day <= :today
), windows AS (
    SELECT * FROM scored WHERE nth = 1
)
"""
"""`windows`: one row a day, of the version that scored it last. A day that has not come yet is a wrong clock's."""


def rows_of(query: str, today: date, parameters: dict[str, Any], **tables: DataFrame) -> list[dict[str, Any]]:
    """The rows of a query over monitor tables, which it names as `{profile}` and `{drift}`; `today` is UTC's."""
    session = next(iter(tables.values())).sparkSession
    return [row.asDict() for row in session.sql(query, args={"today": today} | parameters, **tables).collect()]
