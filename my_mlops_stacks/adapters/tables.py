"""Delta tables by their plain name: a folder of this machine, or Unity Catalog.

A write replaces the rows that a predicate names, in one Delta commit: a reader sees the table before or after it,
never between, and writing the same rows twice leaves one copy.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tenacity import before_sleep_log, retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from my_mlops_stacks.adapters.spark import LocalSpark, Spark, register

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameWriter

logger = logging.getLogger(__name__)
T = TypeVar("T")

COMMIT_CONFLICTS = (
    "Failed to commit transaction",  # Sail, from two commits of the same version
    "Missing commit file",  # Sail, from reading the log while another writer commits
    "already exists",  # Sail, from two first commits of one table
    "DELTA_CONCURRENT",  # Delta on Databricks
    "ConcurrentAppendException",
)


class TableNotFoundError(LookupError):
    """A table was read before anything wrote it."""


def is_commit_conflict(error: BaseException) -> bool:
    """Whether another writer won the race for a Delta version: nothing was written, so the write may be repeated."""
    return any(text in str(error) for text in COMMIT_CONFLICTS)


def committed(write: Callable[[], T]) -> T:
    """The result of `write`, repeated while another writer wins the race for the table's next version."""
    policy = retry(
        retry=retry_if_exception(is_commit_conflict),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(40),
        before_sleep=before_sleep_log(logger, logging.DEBUG),
        reraise=True,
    )
    return policy(write)()


@dataclass(frozen=True)
class Maintenance:
    """What maintenance of one table did, in files; Databricks does not tell how many it removed."""

    put_together: int
    into: int
    removed: int | None

    def __str__(self) -> str:
        removed = "" if self.removed is None else f", {self.removed} old files removed"
        return f"{self.put_together} files put together into {self.into}{removed}"


@dataclass(frozen=True)
class Tables(ABC):
    """The tables of one target's schema, read and written by name through Spark."""

    spark: Spark

    @abstractmethod
    def full_name(self, name: str) -> str:
        """The name by which Spark SQL knows the table."""

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def version(self, name: str) -> int:
        """The newest Delta version of the table."""

    @abstractmethod
    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        """Put small files together, and remove those that no version younger than `retention` refers to.

        Every version of that age or younger stays readable. Safe beside readers and writers.
        """

    @abstractmethod
    def _save(self, writer: DataFrameWriter, name: str) -> None: ...

    @abstractmethod
    def _add_columns(self, name: str, columns: Mapping[str, str]) -> None:
        """Add `columns`, name -> Spark type, to the table."""

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """The table's rows, as of a Delta `version` or the newest.

        Raises:
            TableNotFoundError: nothing has written the table yet.
        """
        if not self.exists(name):
            raise TableNotFoundError(
                f"Table {self.full_name(name)} does not exist yet: materialize the asset '{name}' first."
            )
        reader = self.spark.spark_session.read
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.table(self.full_name(name))

    def replace(self, name: str, rows: DataFrame, where: str | None = None, partition_by: Sequence[str] = ()) -> None:
        """Replace the rows of `where` (all, when None) with `rows`, in one commit; creates the table when needed.

        `where` is a SQL predicate over the table's columns. Every row must satisfy it, or the write fails and
        changes nothing: Delta on Databricks refuses stray rows, Sail 0.7 would keep them beside the old ones, so
        the predicate is also checked row by row while writing.

        A column that the table lacks is added to it, null in the rows that stay; one that `rows` lack is null in them.
        """
        if where is not None and not self.exists(name):
            committed(lambda: self.create(name, rows, partition_by))
        elif where is not None:
            rows = self._fitted(name, rows)

        def write() -> None:
            writer = _guarded(rows, where, partition_by).write.format("delta").mode("overwrite")
            if where is None:
                writer = writer.option("overwriteSchema", "true").partitionBy(*partition_by)
            else:
                writer = writer.option("replaceWhere", where)
            self._save(writer, name)

        committed(write)

    def _fitted(self, name: str, rows: DataFrame) -> DataFrame:
        """`rows` with every column of the table, after adding to the table those that it lacks."""
        from pyspark.sql import functions as F

        held, given = self.read(name).schema, rows.schema
        new = {field.name: field.dataType.simpleString() for field in given if field.name not in held.names}
        if new:
            logger.info("%s gets the new columns %s", self.full_name(name), ", ".join(new))
            committed(lambda: self._add_columns(name, new))
        missing = {field.name: F.lit(None).cast(field.dataType) for field in held if field.name not in given.names}
        return rows.withColumns(missing) if missing else rows

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
        empty = self.spark.spark_session.createDataFrame([], StructType(schema))
        self._save(empty.write.format("delta").mode("ignore").partitionBy(*partition_by), name)


def _guarded(rows: DataFrame, where: str | None, partition_by: Sequence[str]) -> DataFrame:
    """Rows that raise while they are written when one of them does not satisfy `where`."""
    if where is None:
        return rows
    from pyspark.sql import functions as F

    column = partition_by[0] if partition_by else rows.columns[0]
    stray = F.raise_error(F.lit(f"a row to write does not satisfy: {where}"))
    return rows.withColumn(column, F.when(F.expr(where), F.col(column)).otherwise(stray))


@dataclass(frozen=True)
class LocalTables(Tables):
    """Delta tables in the warehouse folder of this machine."""

    spark: LocalSpark

    def full_name(self, name: str) -> str:
        return f"{self.spark.schema}.{name}"

    def folder(self, name: str) -> Path:
        return self.spark.warehouse / self.spark.schema / name

    def exists(self, name: str) -> bool:
        """True once the first commit is there; the table may have been made by another process since we started."""
        if not any((self.folder(name) / "_delta_log").glob("*.json")):
            return False
        register(self.spark.spark_session, self.full_name(name), self.folder(name))
        return True

    def version(self, name: str) -> int:
        from deltalake import DeltaTable

        return DeltaTable(self.folder(name)).version()

    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        from deltalake import DeltaTable

        def compact() -> dict[str, int]:
            return DeltaTable(self.folder(name)).optimize.compact()  # as the table is at this attempt

        compacted = committed(compact)
        hours = int(retention.total_seconds() // 3600)
        removed = DeltaTable(self.folder(name)).vacuum(retention_hours=hours, dry_run=False)
        return Maintenance(compacted["numFilesRemoved"], compacted["numFilesAdded"], len(removed))

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        # Without statistics of columns, which no read asks for, the log of a long history is read in half the time.
        writer = writer.option("delta.dataSkippingNumIndexedCols", "0")
        # By path: on Sail 0.7, saveAsTable ignores replaceWhere and would replace the whole table.
        writer.save(str(self.folder(name)))
        register(self.spark.spark_session, self.full_name(name), self.folder(name))

    def _add_columns(self, name: str, columns: Mapping[str, str]) -> None:
        # Sail 0.7 has no ALTER TABLE.
        from deltalake import DeltaTable, Schema

        empty = self.spark.spark_session.createDataFrame([], ", ".join(f"{key} {columns[key]}" for key in columns))
        DeltaTable(self.folder(name)).alter.add_columns(Schema.from_arrow(empty.toArrow().schema).fields)


@dataclass(frozen=True)
class UnityCatalogTables(Tables):
    """Delta tables of one schema of Unity Catalog."""

    catalog: str
    schema: str

    def full_name(self, name: str) -> str:
        return f"{self.catalog}.{self.schema}.{name}"

    def exists(self, name: str) -> bool:
        return self.spark.spark_session.catalog.tableExists(self.full_name(name))

    def version(self, name: str) -> int:
        history = self.spark.spark_session.sql(f"DESCRIBE HISTORY {self.full_name(name)} LIMIT 1")
        return history.collect()[0]["version"]

    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        session, table = self.spark.spark_session, self.full_name(name)
        metrics = committed(lambda: session.sql(f"OPTIMIZE {table}").collect())[0]["metrics"]
        session.sql(f"VACUUM {table} RETAIN {int(retention.total_seconds() // 3600)} HOURS").collect()
        return Maintenance(metrics["numFilesRemoved"], metrics["numFilesAdded"], None)

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        writer.saveAsTable(self.full_name(name))

    def _add_columns(self, name: str, columns: Mapping[str, str]) -> None:
        added = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.spark.spark_session.sql(f"ALTER TABLE {self.full_name(name)} ADD COLUMNS ({added})").collect()
