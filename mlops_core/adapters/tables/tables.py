"""What all tables have in common, wherever they are stored: reading by name and version, replacing rows, creating."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_core.adapters.spark import Spark
from mlops_core.adapters.sql_names import quoted_path
from mlops_core.adapters.tables.commits import committed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter
    from pyspark.sql.types import StructField, StructType

logger = logging.getLogger(__name__)

USUAL_RETENTION = timedelta(days=30)
"""Retention of a new table's history; its first maintenance applies the target's own."""


class TableNotFoundError(LookupError):
    """A table was read before anything wrote it."""


class ColumnTypeError(ValueError):
    """Rows have a column whose type is not the table's."""


@dataclass(frozen=True)
class Maintenance:
    """Result of maintaining one table, in files; Databricks does not report how many it removed."""

    files_compacted: int
    files_written: int
    removed: int | None

    def __str__(self) -> str:
        removed = "" if self.removed is None else f", {self.removed} old files removed"
        return f"{self.files_compacted} files compacted into {self.files_written}{removed}"


def history_properties(retention: timedelta) -> dict[str, str]:
    """The Delta properties that let every version younger than `retention` be read.

    By default Delta forgets replaced files after a week, so that a vacuum takes them for orphans, and drops versions
    from the log after thirty days. A version that was replaced yesterday may itself be old: hence twice the retention
    for the log.
    """
    return {
        "delta.deletedFileRetentionDuration": f"interval {retention.days} days",
        "delta.logRetentionDuration": f"interval {2 * retention.days} days",
    }


@dataclass(frozen=True)
class Tables(ABC):
    """The tables of one target's schema, read and written by name through Spark."""

    spark: Spark

    @abstractmethod
    def full_name(self, name: str) -> str:
        """The table's name for people and for other systems; Spark's is `sql_name`."""

    def sql_name(self, name: str) -> str:
        """The name by which Spark knows the table."""
        return quoted_path(self.full_name(name))

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def version(self, name: str) -> int:
        """The newest Delta version of the table."""

    @abstractmethod
    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        """Compact small files, and remove those that no version younger than `retention` refers to.

        Every version of that age or younger stays readable. Safe with concurrent readers and writers.
        """

    @property
    def properties(self) -> Mapping[str, str]:
        """The Delta properties that a table gets when it is made."""
        return history_properties(USUAL_RETENTION)

    @abstractmethod
    def _save(self, writer: DataFrameWriter, name: str) -> None: ...

    @abstractmethod
    def add_columns(self, name: str, columns: Sequence[StructField]) -> None:
        """Add `columns` to the table, null in its rows."""

    def only_writer(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002 - a folder's table needs the name
        """The context of a write, where Delta's own concurrency control is not enough."""
        return nullcontext()

    def _arranged(self, rows: DataFrame, partition_by: Sequence[str]) -> DataFrame:  # noqa: ARG002 - see LocalTables
        """`rows`, repartitioned and sorted as they are to be written."""
        return rows

    def _as_of(self, name: str, version: int) -> DataFrameReader:  # noqa: ARG002 - a folder's table needs the name
        return self.spark.spark_session.read.option("versionAsOf", version)

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """The table's rows, as of a Delta `version` or the newest.

        Raises:
            TableNotFoundError: nothing has written the table yet.
        """
        if not self.exists(name):
            raise TableNotFoundError(
                f"Table {self.full_name(name)} does not exist yet: materialize the asset '{name}' first."
            )
        reader = self.spark.spark_session.read if version is None else self._as_of(name, version)
        return reader.table(self.sql_name(name))

    def replace(self, name: str, rows: DataFrame, where: str | None = None, partition_by: Sequence[str] = ()) -> None:
        """Replace the rows of `where` (all, when None) with `rows`, in one commit; creates the table when needed.

        `where` is a SQL predicate over the table's columns. Every row must satisfy it, or the write fails and
        changes nothing: Delta on Databricks rejects stray rows, Sail 0.7 would add them to the old ones, so the
        predicate is also checked row by row while writing.

        A column that the table lacks is added to it, null in the rows that stay; one that `rows` lack is null in them.
        """

        def write() -> None:
            if where is None:
                writer = self._arranged(rows, partition_by).write.options(**self.properties)
                writer = writer.option("overwriteSchema", "true").partitionBy(*partition_by)
            else:
                self.create(name, rows, partition_by)
                fitted = _guarded(self._fitted(name, rows), where, partition_by)
                writer = self._arranged(fitted, partition_by).write.option("replaceWhere", where)
            self._save(writer.format("delta").mode("overwrite"), name)

        with self.only_writer(name):
            committed(write)

    def create(self, name: str, like: DataFrame, partition_by: Sequence[str] = ()) -> None:
        """Create an empty table with the columns of `like`, unless it exists.

        Every column may hold nulls, so that one that a later version of the code no longer makes can be left out. Only
        beside nested columns the partition's may not: without any NOT NULL column, Sail 0.7 takes the types of an array
        in rows and in the table for different ones, and refuses to replace days.
        """
        from pyspark.sql.types import ArrayType, MapType, StructField, StructType

        if self.exists(name):
            return
        nested = any(isinstance(field.dataType, (ArrayType, MapType, StructType)) for field in like.schema)
        filled = partition_by if nested else ()
        schema = [StructField(field.name, field.dataType, field.name not in filled) for field in like.schema]
        writer = self.spark.spark_session.createDataFrame([], StructType(schema)).write.format("delta").mode("ignore")
        self._save(writer.options(**self.properties).partitionBy(*partition_by), name)

    def _fitted(self, name: str, rows: DataFrame) -> DataFrame:
        """`rows` with every column of the table, after adding to the table those that it lacks.

        Raises:
            ColumnTypeError: a column has another type than in the table.
        """
        from pyspark.sql import functions as F

        held, given = self.read(name).schema, rows.schema
        self._same_types(name, {field.name: field.dataType.simpleString() for field in held}, given)
        new = [field for field in given if field.name not in held.names]
        if new:
            logger.info("%s gets the new columns %s", self.full_name(name), ", ".join(field.name for field in new))
            self.add_columns(name, new)
        missing = {field.name: F.lit(None).cast(field.dataType) for field in held if field.name not in given.names}
        return rows.withColumns(missing) if missing else rows

    def _same_types(self, name: str, held: Mapping[str, str], given: StructType) -> None:
        for field in given:
            kind = field.dataType.simpleString()
            if held.get(field.name, kind) != kind:
                raise ColumnTypeError(
                    f"Column {field.name} of {self.full_name(name)} is {held[field.name]}, but {kind} in the rows to "
                    f"write: cast it, or give it another name. To change a column's type, drop the table and "
                    f"materialize '{name}' again, all its partitions."
                )


def _guarded(rows: DataFrame, where: str, partition_by: Sequence[str]) -> DataFrame:
    """Rows that raise while they are written when one of them does not satisfy `where`."""
    from pyspark.sql import functions as F

    column = partition_by[0] if partition_by else rows.columns[0]
    stray = F.raise_error(F.lit(f"a row to write does not satisfy: {where}"))
    return rows.withColumn(column, F.when(F.expr(where), F.col(column)).otherwise(stray))
