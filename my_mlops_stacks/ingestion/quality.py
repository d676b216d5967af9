"""What the rejected trips say about their source."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def rejections(rejected: DataFrame) -> dict[str, int]:
    """Number of rejected trips by reason, the most frequent first."""
    counts = rejected.groupBy("reason").count().orderBy(F.desc("count"), "reason")
    return {row["reason"]: row["count"] for row in counts.collect()}
