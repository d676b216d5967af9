"""Which source a run reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlops_core.adapters.sources.file_source import FileSource
from mlops_core.adapters.sources.generated_source import GeneratedSource
from mlops_core.adapters.sources.given_path import GivenPath, of_environment, of_run
from mlops_core.adapters.sources.unity_catalog_source import UnityCatalogSource
from mlops_core.adapters.spark import Spark
from mlops_core.ingestion.arrivals import SourceState
from mlops_core.ingestion.times import EventTimes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Source(Protocol):
    """A source of raw events, not yet checked in any way."""

    def read(self) -> DataFrame: ...

    def days_since(self, since: SourceState) -> frozenset[date] | None:
        """The days of rows that are new, gone or others since a version; None where it keeps no account of that."""


class Sources(Protocol):
    """Chooses the source of one run from what the run was asked for."""

    def choose(
        self, *, path: str | None, times: str | None, rows: int, seed: int, drift_from: date | None
    ) -> Source: ...


@dataclass(frozen=True)
class LocalSources:
    """The path that a run names, else that of the environment, else `table`, which is the target's; without any, a
    sample of the days `first_day` to `last_day`.

    How the times of files are to be read says the run, else the environment, else `times`.
    """

    spark: Spark
    folder: Path
    times: EventTimes
    first_day: date
    last_day: date
    table: GivenPath | None = None

    def choose(
        self, *, path: str | None, times: str | None, rows: int, seed: int, drift_from: date | None
    ) -> FileSource | GeneratedSource:
        """The source of a run.

        Raises:
            NoSampleError: no path is named, and the project can't make events.
        """
        events = self.times.events
        given = of_run(path) if path else of_environment(events, self.table) or self.table
        if given:
            asked = times or os.environ.get(events.times_variable)
            declared = EventTimes(events, asked) if asked else self.times
            return FileSource(self.spark, given, self.folder / "landed", declared)
        return GeneratedSource(self.spark, events, self.folder, rows, seed, self.first_day, self.last_day, drift_from)


@dataclass(frozen=True)
class TableSource:
    """Always the target's table: a path on the host or a sample would be no use to a workspace.

    Raises:
        ValueError: the run asks for a path, or for times read in another way than the target's.
    """

    spark: Spark
    table: str
    times: EventTimes

    def choose(
        self,
        *,
        path: str | None,
        times: str | None,
        rows: int,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        drift_from: date | None,  # noqa: ARG002
    ) -> Source:
        events = self.times.events
        if path or times:
            raise ValueError(
                f"This target reads {self.table} ({events.variable('table')} and {events.variable('times')} in "
                "databricks.yml): leave 'path' and 'times' out."
            )
        return UnityCatalogSource(self.spark, self.table, self.times)
