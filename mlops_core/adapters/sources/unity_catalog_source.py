"""Events in a table of Unity Catalog."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.clock import wall_clock_column
from mlops_core.adapters.spark import Spark
from mlops_core.adapters.sql_names import quoted_path
from mlops_core.ingestion.arrivals import SourceState
from mlops_core.ingestion.times import EventTimes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

logger = logging.getLogger(__name__)
CHANGE = "_change_type"
"""A column that the change data feed adds to the rows."""


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
        return self._on_the_clock(self.spark.spark_session.read.table(quoted_path(self.table)))

    def days_since(self, since: SourceState) -> frozenset[date] | None:
        """The days that the table's change data feed names; None where it has none from that version on."""
        from pyspark.sql import functions as F

        try:
            feed = self.spark.spark_session.read.option("readChangeFeed", "true")
            changes = feed.option("startingVersion", int(since.version) + 1).table(quoted_path(self.table))
            if CHANGE not in changes.columns:
                return None
            day = F.to_date(self.times.events.event_time)
            return frozenset(row[0] for row in self._on_the_clock(changes).select(day).distinct().collect() if row[0])
        except Exception:  # whatever the feed lacks: summaries of all days tell it too
            logger.info("The change data feed of %s is not read: all days are looked at", self.table, exc_info=True)
            return None

    def _on_the_clock(self, rows: DataFrame) -> DataFrame:
        """The rows with times of the events' clock."""
        types = self.times.events.types
        times = {name: kind for name, kind in rows.dtypes if types.get(name) == "timestamp"}
        clocks = {name: wall_clock_column(name, kind, self.times, self.table) for name, kind in times.items()}
        return rows.withColumns(clocks) if self.times.zone else rows
