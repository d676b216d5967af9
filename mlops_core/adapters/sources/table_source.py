"""Trips in a table of Unity Catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.clock import wall_clock_column
from mlops_core.adapters.spark import Spark
from mlops_core.adapters.sql_names import quoted_path
from mlops_core.ingestion.columns import RAW_COLUMNS
from mlops_core.ingestion.times import TripTimes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class TableTrips:
    """Trips in a table such as `samples.nyctaxi.trips`, whose wall clock is stored as if it were UTC."""

    spark: Spark
    table: str
    times: TripTimes

    def read(self) -> DataFrame:
        """The rows of the table, all its columns.

        Raises:
            UnreadableTripsError: its times contradict the declaration.
        """
        trips = self.spark.spark_session.read.table(quoted_path(self.table))
        times = {name: kind for name, kind in trips.dtypes if RAW_COLUMNS.get(name, ("",))[0] == "timestamp"}
        clocks = {name: wall_clock_column(name, kind, self.times, self.table) for name, kind in times.items()}
        return trips.withColumns(clocks) if self.times.zone else trips
