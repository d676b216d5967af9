"""Delta tables of this machine: written by Sail, looked after by deltalake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.sql_names import quoted
from my_mlops_stacks.adapters.tables.commits import committed
from my_mlops_stacks.adapters.tables.tables import Maintenance, Tables, history_properties

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter

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
        if not any((self.folder(name) / "_delta_log").glob("*.json")):
            return False
        self.spark.register(name)
        return True

    def version(self, name: str) -> int:
        from deltalake import DeltaTable

        return DeltaTable(self.folder(name)).version()

    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        from deltalake import DeltaTable

        def compact() -> dict[str, int]:
            return DeltaTable(self.folder(name)).optimize.compact()  # as the table is at this attempt

        def vacuum() -> list[str]:
            return DeltaTable(self.folder(name)).vacuum(
                retention_hours=int(retention.total_seconds() // 3600),
                dry_run=False,
                full=known_since <= datetime.now(UTC) - retention,
            )

        known_since = committed(lambda: self._keep_history(name, retention))
        compacted = committed(compact)
        return Maintenance(compacted["numFilesRemoved"], compacted["numFilesAdded"], len(committed(vacuum)))

    @property
    def properties(self) -> Mapping[str, str]:
        # Without statistics of columns, which no read asks for, the log of a long history is read in half the time.
        return {**super().properties, "delta.dataSkippingNumIndexedCols": "0"}

    def _keep_history(self, name: str, retention: timedelta) -> datetime:
        """Since when the table's log tells of every file that was replaced within `retention`.

        Only then may a file that it does not tell of be removed: it is one that a writer left behind, or that was
        replaced long ago. Before, it may be one that was replaced yesterday and is forgotten already.
        """
        from deltalake import DeltaTable

        table, wanted = DeltaTable(self.folder(name)), history_properties(retention)
        held = table.metadata().configuration
        if not wanted.keys() <= held.keys():
            wanted[KEPT_SINCE] = datetime.now(UTC).isoformat()
        if not wanted.items() <= held.items():
            table.alter.set_table_properties(wanted, raise_if_not_exists=False)
        since = (held | wanted).get(KEPT_SINCE)
        return datetime.fromisoformat(since) if since else datetime.min.replace(tzinfo=UTC)

    def _arranged(self, rows: DataFrame, partition_by: Sequence[str]) -> DataFrame:
        # One file a partition: left alone, each core writes its own, and every read of the log looks at all files.
        return rows.repartition(*partition_by) if partition_by else rows

    def _as_of(self, name: str, version: int) -> DataFrameReader:
        # Sail 0.7 does not find versions older than the checkpoint that this file names; without it, it looks at all.
        (self.folder(name) / "_delta_log" / "_last_checkpoint").unlink(missing_ok=True)
        return super()._as_of(name, version)

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        # By path: on Sail 0.7, saveAsTable ignores replaceWhere and would replace the whole table.
        writer.save(str(self.folder(name)))
        self.spark.register(name)

    def _add_columns(self, name: str, columns: Mapping[str, str]) -> None:
        # Sail 0.7 has no ALTER TABLE.
        from deltalake import DeltaTable, Schema

        added = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        empty = self.spark.spark_session.createDataFrame([], added)
        DeltaTable(self.folder(name)).alter.add_columns(Schema.from_arrow(empty.toArrow().schema).fields)
