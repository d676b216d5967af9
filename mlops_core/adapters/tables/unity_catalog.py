"""Delta tables of Unity Catalog, through the session of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_core.adapters.sql_names import quoted
from mlops_core.adapters.tables.commits import committed
from mlops_core.adapters.tables.tables import Maintenance, Tables, history_properties

if TYPE_CHECKING:
    from pyspark.sql import DataFrameWriter
    from pyspark.sql.types import StructField


@dataclass(frozen=True)
class UnityCatalogTables(Tables):
    """Delta tables of one schema of Unity Catalog."""

    catalog: str
    schema: str

    def full_name(self, name: str) -> str:
        return f"{self.catalog}.{self.schema}.{name}"

    def exists(self, name: str) -> bool:
        return self.spark.spark_session.catalog.tableExists(self.sql_name(name))

    def version(self, name: str) -> int:
        history = self.spark.spark_session.sql(f"DESCRIBE HISTORY {self.sql_name(name)} LIMIT 1")
        return history.collect()[0]["version"]

    def maintain(self, name: str, retention: timedelta) -> Maintenance:
        session, table = self.spark.spark_session, self.sql_name(name)
        kept = ", ".join(f"'{key}' = '{value}'" for key, value in history_properties(retention).items())
        committed(lambda: session.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ({kept})").collect())
        metrics = committed(lambda: session.sql(f"OPTIMIZE {table}").collect())[0]["metrics"]
        session.sql(f"VACUUM {table} RETAIN {int(retention.total_seconds() // 3600)} HOURS").collect()
        return Maintenance(metrics["numFilesRemoved"], metrics["numFilesAdded"], None)

    def _save(self, writer: DataFrameWriter, name: str) -> None:
        writer.saveAsTable(self.sql_name(name))

    def add_columns(self, name: str, columns: Sequence[StructField]) -> None:
        added = ", ".join(f"{quoted(column.name)} {column.dataType.simpleString()}" for column in columns)
        self.spark.spark_session.sql(f"ALTER TABLE {self.sql_name(name)} ADD COLUMNS ({added})").collect()
