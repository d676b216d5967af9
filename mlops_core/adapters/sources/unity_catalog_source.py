"""Events in a table of Unity Catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.clock import wall_clock_column
from mlops_core.adapters.spark import Spark
from mlops_core.adapters.sql_names import quoted_path
from mlops_core.ingestion.times import EventTimes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class UnityCatalogSource:
    """Events in a table, given as catalog.schema.table."""

    spark: Spark
    table: str
    times: EventTimes

    def read(self) -> DataFrame:
        """The rows of the table, all its columns.

        Raises:
            UnreadableEventsError: its times contradict the declaration.
        """
        rows, types = self.spark.spark_session.read.table(quoted_path(self.table)), self.times.events.types
        times = {name: kind for name, kind in rows.dtypes if types.get(name) == "timestamp"}
        clocks = {name: wall_clock_column(name, kind, self.times, self.table) for name, kind in times.items()}
        return rows.withColumns(clocks) if self.times.zone else rows
