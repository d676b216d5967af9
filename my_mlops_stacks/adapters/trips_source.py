"""Where raw trips come from: a file or folder, the generator, or a table of Unity Catalog.

A source only reads; `my_mlops_stacks.ingestion.trips` says what a trip is and judges every row.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from my_mlops_stacks.adapters.plain_paths import plain_path
from my_mlops_stacks.adapters.spark import Spark
from my_mlops_stacks.ingestion.columns import RAW_COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_FORMATS = {".parquet": "parquet", ".csv": "csv", ".csv.gz": "csv"}
_COMPLETE = "_SUCCESS"


class TripsSource(Protocol):
    """A source of raw trips, not yet checked in any way."""

    def read(self) -> DataFrame: ...


@dataclass(frozen=True)
class FileTrips:
    """Trips in a parquet or CSV file, a folder of such files, or the folder of a Delta table.

    CSV needs a header, its columns may be in any order, and its times are ISO 8601, without a zone; a value that
    cannot be parsed becomes null, so that its row is rejected and counted instead of ending the run.
    """

    spark: Spark
    path: Path

    def read(self) -> DataFrame:
        """The rows of the path, all its columns.

        Raises:
            FileNotFoundError: nothing is at the path, or no data file.
            ValueError: the path holds files of several formats or of an unknown one, or its times are in another zone.
        """
        path = self.path.expanduser().resolve()
        location = str(plain_path(path))
        reader = self.spark.spark_session.read.option("recursiveFileLookup", "true")
        match _format_of(path):
            case "delta":
                return self.spark.spark_session.read.format("delta").load(location)
            case "csv":
                return _parsed(reader.option("header", "true").option("allowTruncatedRows", "true").csv(location))
            case _:
                return _in_wall_clock(reader.parquet(location), next(_data_files(path)))


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
        return FileTrips(self.spark, self.path).read()


@dataclass(frozen=True)
class TableTrips:
    """Trips in a table of Unity Catalog, such as `samples.nyctaxi.trips`."""

    spark: Spark
    table: str

    def read(self) -> DataFrame:
        return self.spark.spark_session.read.table(self.table)


class TripsSources(Protocol):
    """Chooses the source of one run from what the run was asked for."""

    def choose(self, *, path: str | None, rows: int, seed: int, drift_from: date | None) -> TripsSource: ...


@dataclass(frozen=True)
class LocalSources:
    """The path that a run names, else TRIPS_PATH, else generated trips of the days from `first_day` to `last_day`."""

    spark: Spark
    folder: Path
    first_day: date
    last_day: date

    def choose(self, *, path: str | None, rows: int, seed: int, drift_from: date | None) -> TripsSource:
        given = path or os.environ.get("TRIPS_PATH")
        if given:
            return FileTrips(self.spark, Path(given))
        return GeneratedTrips(self.spark, self.folder, rows, seed, self.first_day, self.last_day, drift_from)


@dataclass(frozen=True)
class TableSource:
    """Always the target's table: a path on the host or generated trips would be no use to a workspace.

    Raises:
        ValueError: the run asks for a path.
    """

    spark: Spark
    table: str

    def choose(self, *, path: str | None, rows: int, seed: int, drift_from: date | None) -> TripsSource:  # noqa: ARG002
        if path:
            raise ValueError(f"This target reads {self.table} (trips_table in databricks.yml): leave 'path' out.")
        return TableTrips(self.spark, self.table)


def _data_files(path: Path) -> Iterator[Path]:
    """The files that Spark reads at the path: those that neither lie in hidden folders nor are hidden."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        if file.is_file() and not any(part.startswith((".", "_")) for part in parts):
            yield file


def _format_of(path: Path) -> str:
    """`parquet`, `csv` or `delta`, checked here because Sail reads a path without files as a table without rows."""
    if not path.exists():
        raise FileNotFoundError(
            f"There are no trips at {path}: set TRIPS_PATH to a parquet or CSV file, a folder of such files or a "
            f"Delta table, or unset it to generate trips."
        )
    if (path / "_delta_log").is_dir():
        return "delta"
    suffixes = {".csv.gz" if file.name.endswith(".csv.gz") else file.suffix for file in _data_files(path)}
    if not suffixes:
        raise FileNotFoundError(f"There is no data file in {path}: point TRIPS_PATH to a folder with .parquet or .csv.")
    if len(suffixes) > 1 or not suffixes <= set(_FORMATS):
        found = ", ".join(sorted(suffix or "no suffix" for suffix in suffixes))
        raise ValueError(
            f"Files at {path} must all be .parquet or all .csv; found: {found}. Point TRIPS_PATH to one kind."
        )
    return _FORMATS[suffixes.pop()]


def _parsed(text: DataFrame) -> DataFrame:
    """Columns of trips parsed from text by name; what does not parse becomes null.

    A schema given to the CSV reader would not do: Spark applies it by position, whatever the header says, and Sail
    ends the run at the first value that does not parse.
    """
    from pyspark.sql import functions as F

    for name in (name for name in text.columns if name in RAW_COLUMNS):
        kind, _ = RAW_COLUMNS[name]
        value = F.trim(name)
        if kind == "int":
            value = F.regexp_replace(value, r"\.0*$", "")  # pandas writes integers beside a null as 10001.0
        text = text.withColumn(name, value.try_cast("timestamp_ntz" if kind == "timestamp" else kind))
    return text


def _in_wall_clock(trips: DataFrame, file: Path) -> DataFrame:
    """Trips of parquet files whose times are wall clock, in microseconds; `file` is one of the files.

    pandas writes nanoseconds, which Sail reads but has no Spark type for. And it writes times with a zone as moments
    of UTC: read as wall clock they would all be hours off.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyspark.sql import functions as F

    from my_mlops_stacks.ingestion.trips import InvalidTripsError

    for field in pq.read_schema(file):
        if not pa.types.is_timestamp(field.type):
            continue
        if field.name in RAW_COLUMNS and field.type.tz not in (None, "UTC"):
            raise InvalidTripsError(
                f"Column {field.name} of {file} is in the time zone {field.type.tz}: "
                f"write it as the wall clock of New York, without a zone."
            )
        if field.type.unit == "ns":
            trips = trips.withColumn(field.name, F.col(field.name).cast("timestamp"))
    return trips
