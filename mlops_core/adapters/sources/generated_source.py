"""Trips that the generator makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.plain_paths import plain_path
from mlops_core.adapters.spark import Spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_COMPLETE = "_SUCCESS"


@dataclass(frozen=True)
class GeneratedTrips:
    """Trips from the generator, made once for the same parameters and kept in a folder.

    The days, New York's, are both included; from `drift_from` on fares are higher, as `generate_trips` says.
    """

    spark: Spark
    folder: Path
    rows: int
    seed: int
    first_day: date
    last_day: date
    drift_from: date | None = None

    @property
    def path(self) -> Path:
        """The folder of these parameters; another version of the generator has another one."""
        from my_mlops_stacks.ingestion.generator import GENERATOR_VERSION

        name = f"trips-v{GENERATOR_VERSION}-{self.rows}-seed{self.seed}-{self.first_day}-{self.last_day}"
        return self.folder / (f"{name}-drift-{self.drift_from}" if self.drift_from else name)

    def read(self) -> DataFrame:
        """Raw trips, `rows` in total; a folder that another run left unfinished is completed.

        Raises:
            ValueError: a parameter is out of its range.
        """
        from my_mlops_stacks.ingestion.generator import generate_trips

        if not (self.path / _COMPLETE).exists():
            generate_trips(
                self.path,
                rows=self.rows,
                seed=self.seed,
                first_day=self.first_day,
                last_day=self.last_day,
                drift_from=self.drift_from,
            )
            (self.path / _COMPLETE).touch()
        return self.spark.spark_session.read.parquet(str(plain_path(self.path)))
