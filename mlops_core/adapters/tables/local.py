"""Delta tables on this machine: written by Sail, maintained with deltalake."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.spark import LocalSpark, has_commit, parallelism
from mlops_core.adapters.tables.damage import StateError, folder_answers
from mlops_core.adapters.tables.tables import Maintenance, Tables, history_properties

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter
    from pyspark.sql.types import StructField

logger = logging.getLogger(__name__)

LOCKS = "_locks"
PATIENCE_S = 5.0
"""How long a write waits for the lock before it logs what it waits for."""

KEPT_SINCE = "my_mlops_stacks.historyKeptSince"
"""A property of tables that were made without `history_properties`: when they got them, in ISO 8601."""


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
        if not has_commit(self.folder(name)):
            return False
        self.spark.register(name)
        return True

    def version(self, name: str) -> int:
        return self.delta(name).version()

    def delta(self, name: str) -> DeltaTable:
        """The table as deltalake sees it, at its newest version."""
        from deltalake import DeltaTable

        return DeltaTable(self.spark.location(name))

    @contextmanager
    def only_writer(self, name: str) -> Iterator[None]:
        """Lock the table against other writers, in this process and in others on this machine.

        Delta's own concurrency control is not enough: of two first writes of a table, Sail 0.7 commits both and keeps
        the rows of both, and a column that one writer adds fails the other's write. The lock ends with its process.

        Raises:
            StateError: the folder can't be written, or the disk is full; the table is as it was.
        """
        from filelock import FileLock, Timeout

        file = self.spark.warehouse / self.spark.schema / LOCKS / name
        with folder_answers(self.folder(name)):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(file, is_singleton=True)
            try:
                lock.acquire(timeout=PATIENCE_S)
            except Timeout:
                logger.info("Another process writes %s: waiting for it", self.full_name(name))
                lock.acquire()
            try:
                yield
            finally:
                lock.release()

    def create(self, name: str, like: DataFrame, partition_by: Sequence[str] = ()) -> None:
        """See `Tables.create`. Data files without a log are refused, not silently overwritten a day at a time."""
        if not self.exists(name) and any(self.folder(name).rglob("*.parquet")):
            raise StateError(
                f"{self.folder(name)} has data files and no log that tells of them: put the log back, or delete the "
                f"folder and materialize '{name}' again, all its partitions."
            )
        super().create(name, like, partition_by)

    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        with self.only_writer(name):
            known_since = self._keep_history(name, retention)
            compacted = self.delta(name).optimize.compact()
            removed = self.delta(name).vacuum(
                retention_hours=int(retention.total_seconds() // 3600),
                dry_run=False,
                full=known_since <= datetime.now(UTC) - retention,
            )
        return Maintenance(compacted["numFilesRemoved"], compacted["numFilesAdded"], len(removed))

    @property
    def properties(self) -> Mapping[str, str]:
        # Without column statistics, which no read uses, the log of a long history is read in half the time.
        return {**super().properties, "delta.dataSkippingNumIndexedCols": "0"}

    def _keep_history(self, name: str, retention: timedelta) -> datetime:
        """Since when the table's log tells of every file that was replaced within `retention`.

        Only then may a file that it does not tell of be removed: it is one that a writer left behind, or that was
        replaced long ago. Before, it may be one that was replaced yesterday and is forgotten already.
        """
        table, wanted = self.delta(name), history_properties(retention)
        held = table.metadata().configuration
        if not wanted.keys() <= held.keys():
            wanted[KEPT_SINCE] = datetime.now(UTC).isoformat()
        if not wanted.items() <= held.items():
            table.alter.set_table_properties(wanted, raise_if_not_exists=False)
        since = (held | wanted).get(KEPT_SINCE)
        return datetime.fromisoformat(since) if since else datetime.min.replace(tzinfo=UTC)

    def _arranged(self, rows: DataFrame, partition_by: Sequence[str]) -> DataFrame:
        # One file a partition: by default each core writes its own, and every read of the log looks at all files.
        # Sail would create as many partitions as there are input files, and hold a batch for each.
        return rows.repartition(parallelism(), *partition_by) if partition_by else rows

    def _as_of(self, name: str, version: int) -> DataFrameReader:
        # Sail 0.7 does not find versions older than the checkpoint that this file names; without it, it looks at all.
        (self.folder(name) / "_delta_log" / "_last_checkpoint").unlink(missing_ok=True)
        return super()._as_of(name, version)

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        # By path: on Sail 0.7, saveAsTable ignores replaceWhere and would replace the whole table.
        writer.save(self.spark.location(name))
        self.spark.register(name)

    def add_columns(self, name: str, columns: Sequence[StructField]) -> None:
        # Sail 0.7 has no ALTER TABLE.
        from deltalake import Field

        fields = [Field.from_json(json.dumps(column.jsonValue() | {"nullable": True})) for column in columns]
        self.delta(name).alter.add_columns(fields)
