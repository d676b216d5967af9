"""Which source a run reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlops_core.adapters.sources.file_source import FileTrips
from mlops_core.adapters.sources.generated_source import GeneratedTrips
from mlops_core.adapters.sources.table_source import TableTrips
from mlops_core.adapters.spark import Spark
from mlops_core.ingestion.times import TripTimes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class TripsSource(Protocol):
    """A source of raw trips, not yet checked in any way."""

    def read(self) -> DataFrame: ...


class TripsSources(Protocol):
    """Chooses the source of one run from what the run was asked for."""

    def choose(
        self, *, path: str | None, times: str | None, rows: int, seed: int, drift_from: date | None
    ) -> TripsSource: ...


@dataclass(frozen=True)
class LocalSources:
    """The path that a run names, else TRIPS_PATH, else generated trips of the days from `first_day` to `last_day`.

    How the times of files are to be read says the run, else TRIPS_TIMES, else `times`.
    """

    spark: Spark
    folder: Path
    times: TripTimes
    first_day: date
    last_day: date

    def choose(
        self, *, path: str | None, times: str | None, rows: int, seed: int, drift_from: date | None
    ) -> TripsSource:
        given = path or os.environ.get("TRIPS_PATH")
        if given:
            asked = times or os.environ.get("TRIPS_TIMES")
            return FileTrips(self.spark, given, self.folder / "landed", TripTimes(asked) if asked else self.times)
        return GeneratedTrips(self.spark, self.folder, rows, seed, self.first_day, self.last_day, drift_from)


@dataclass(frozen=True)
class TableSource:
    """Always the target's table: a path on the host or generated trips would be no use to a workspace.

    Raises:
        ValueError: the run asks for a path, or for times read in another way than the target's.
    """

    spark: Spark
    table: str
    times: TripTimes

    def choose(
        self,
        *,
        path: str | None,
        times: str | None,
        rows: int,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        drift_from: date | None,  # noqa: ARG002
    ) -> TripsSource:
        if path or times:
            raise ValueError(
                f"This target reads {self.table} (trips_table and trips_times in databricks.yml): leave 'path' and "
                f"'times' out."
            )
        return TableTrips(self.spark, self.table, self.times)
