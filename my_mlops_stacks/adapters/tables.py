"""Delta tables by their plain name: a folder of this machine, or Unity Catalog.

A write replaces the rows that a predicate names, in one Delta commit: a reader sees the table before or after it,
never between, and writing the same rows twice leaves one copy.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    def _save(self, writer: DataFrameWriter, name: str) -> None: ...

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
        """
        if where is not None and not self.exists(name):
            committed(lambda: self.create(name, rows, partition_by))

        def write() -> None:
            writer = _guarded(rows, where).write.format("delta").mode("overwrite")
            if where is None:
                writer = writer.option("overwriteSchema", "true").partitionBy(*partition_by)
            else:
                writer = writer.option("replaceWhere", where)
            self._save(writer, name)

        committed(write)

    def create(self, name: str, like: DataFrame, partition_by: Sequence[str] = ()) -> None:
        """Create an empty table with the columns of `like`, unless it exists."""
        if not self.exists(name):
            self._save(like.limit(0).write.format("delta").mode("ignore").partitionBy(*partition_by), name)


def _guarded(rows: DataFrame, where: str | None) -> DataFrame:
    """Rows that raise while they are written when one of them does not satisfy `where`."""
    if where is None:
        return rows
    from pyspark.sql import functions as F

    first = rows.columns[0]
    stray = F.raise_error(F.lit(f"a row to write does not satisfy: {where}")).cast(rows.schema[first].dataType)
    return rows.withColumn(first, F.when(F.expr(where), F.col(first)).otherwise(stray))


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

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        # By path: on Sail 0.7, saveAsTable ignores replaceWhere and would replace the whole table.
        writer.save(str(self.folder(name)))
        register(self.spark.spark_session, self.full_name(name), self.folder(name))


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

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        writer.saveAsTable(self.full_name(name))
