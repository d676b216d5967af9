"""Events that the project generates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.plain_paths import plain_path
from mlops_core.adapters.spark import Spark
from mlops_core.ingestion.arrivals import SourceState, identity_of
from mlops_core.ingestion.times import WALL_CLOCK, EventTimes
from mlops_core.project import EventTable, Sample

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_COMPLETE = "_SUCCESS"


class NoSampleError(LookupError):
    """No path is configured, and the project has no sample."""


@dataclass(frozen=True)
class GeneratedSource:
    """The sample of `events`, made once for the same parameters and kept in a folder.

    The days are both included; from `drift_from` on labels are shifted.
    """

    spark: Spark
    events: EventTable
    folder: Path
    rows: int
    seed: int
    first_day: date
    last_day: date
    drift_from: date | None = None

    def __post_init__(self) -> None:
        _ = self._sample

    @property
    def path(self) -> Path:
        """The folder of these parameters; another version of the sample has another one."""
        what = f"{self.events.name}-v{self._sample.version}-{self.rows}"
        name = f"{what}-seed{self.seed}-{self.first_day}-{self.last_day}"
        return self.folder / (f"{name}-drift-{self.drift_from}" if self.drift_from else name)

    def read(self) -> DataFrame:
        """Raw events, `rows` in total; a folder that another run left unfinished is completed.

        Raises:
            ValueError: a parameter is out of its range.
        """
        if not (self.path / _COMPLETE).exists():
            self._sample.write(
                self.path,
                rows=self.rows,
                seed=self.seed,
                first_day=self.first_day,
                last_day=self.last_day,
                drift_from=self.drift_from,
            )
            (self.path / _COMPLETE).touch()
        return self.spark.spark_session.read.parquet(str(plain_path(self.path)))

    def state(self) -> SourceState:
        """What the sample is made with."""
        return SourceState(identity_of(EventTimes(self.events, WALL_CLOCK)), self.path.name)

    def days_since(self, since: SourceState) -> frozenset[date] | None:  # noqa: ARG002 - another sample is other rows
        return None

    @property
    def _sample(self) -> Sample:
        if self.events.sample is None:
            raise NoSampleError(
                f"There are no {self.events.nouns} to read, and '{self.events.name}' declares no sample: set "
                f"{self.events.path_variable}, or {self.events.variable('table')} in databricks.yml, to a parquet or "
                "CSV file, a folder of such files or a Delta table."
            )
        return self.events.sample
