"""Events in files of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.plain_paths import plain_path
from mlops_core.adapters.sources import source_path
from mlops_core.adapters.sources.data_files import DataFile, data_files
from mlops_core.adapters.sources.delta_files import delta_files, is_delta
from mlops_core.adapters.sources.file_watch import days_since, state_at
from mlops_core.adapters.sources.given_path import GivenPath
from mlops_core.adapters.sources.landing import Landing
from mlops_core.adapters.spark import Spark
from mlops_core.ingestion.arrivals import SourceState
from mlops_core.ingestion.times import EventTimes
from mlops_core.project import EventTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class FileSource:
    """Events in a parquet or CSV file, a folder of such files, or the folder of a Delta table.

    Each file is read by its own names and types of columns. CSV has a header; its separator is a comma, a semicolon, a
    tab or a bar, its times are ISO 8601. What cannot be parsed in a row is a problem of that row; what cannot be read
    at all, or would be read as something else, is refused with the name of the file.
    """

    spark: Spark
    path: GivenPath
    landed: Path
    times: EventTimes

    def read(self) -> DataFrame:
        """The rows of the path as they are at this moment: the declared columns, and `SOURCE_PROBLEM`.

        Raises:
            NoEventsError: nothing is at the path, or no data file.
            UnreadableEventsError: a file, or the path, cannot be taken as it stands.
        """
        files = files_at(self.times.events, self.path)
        snapshot = Landing(self.landed, self.times).snapshot(files)
        return self.spark.spark_session.read.parquet(str(plain_path(snapshot)))

    def state(self) -> SourceState:
        """The version of what is at the path.

        Raises:
            FileNotFoundError, UnreadableEventsError: as `read` has them.
        """
        return state_at(self.times, self.path)

    def days_since(self, since: SourceState) -> frozenset[date] | None:
        return days_since(self.times, self.path, since)


def files_at(events: EventTable, given: GivenPath) -> list[DataFile]:
    """The data files of what a person wrote: a file, a folder, or a Delta table.

    Raises:
        NoEventsError: nothing is at the path, or no data file.
        UnreadableEventsError: what is there cannot be taken as it stands.
    """
    path = source_path.resolve(events, given)
    return delta_files(events, path) if is_delta(path) else data_files(given.setting, path)
