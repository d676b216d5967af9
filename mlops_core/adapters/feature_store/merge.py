"""Writing rows into local feature tables: checked keys, one Delta commit, one writer at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from mlops_core.adapters.feature_store.column_types import check_types
from mlops_core.adapters.feature_store.look_up import TableRows
from mlops_core.adapters.feature_store.names import ROWS, check_columns, taken
from mlops_core.adapters.feature_store.point_in_time import column
from mlops_core.adapters.feature_store.registry import LocalFeatureTable
from mlops_core.adapters.sql_names import quoted
from mlops_core.adapters.tables import LocalTables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def check_mode(mode: str) -> None:
    """Refuse every mode but merge."""
    if mode != "merge":
        raise ValueError(
            f"write_table knows the mode 'merge', not '{mode}'. To start anew, drop the table and create it again."
        )


def check_schema(df: DataFrame, target: TableRows) -> None:
    """Refuse rows without the table's keys or partition columns, or with other names or types than the table's.

    A time-series table wants all its columns: a row stands for one moment as a whole.
    """
    check_columns(df.columns)
    check_types(target.table.name, df.schema)
    table, types, known = target.table, dict(df.dtypes), dict(target.rows.dtypes)
    if cased := taken((name for name in types if name not in known), known):
        raise ValueError(
            f"The rows for feature table '{table.name}' have its columns {cased} in another case: rename them."
        )
    needed = set(known) if table.timestamp_keys else {*table.primary_keys, *table.partition_columns}
    missing = sorted(needed - set(types))
    if missing:
        raise ValueError(f"The rows for feature table '{table.name}' lack the columns {missing}.")
    changed = {name: (types[name], known[name]) for name in types if name in known and types[name] != known[name]}
    if changed:
        differences = ", ".join(f"'{name}' is {ours}, not {theirs}" for name, (ours, theirs) in changed.items())
        raise ValueError(f"The rows for feature table '{table.name}' have other types than the table: {differences}.")


def check_rows(df: DataFrame, table: LocalFeatureTable) -> None:
    """Refuse rows with a null key, or with the same keys twice."""
    from pyspark.sql import functions as F

    keys = [column(key) for key in table.primary_keys]
    per_key = df.groupBy(*keys).agg(F.count(F.lit(1)).alias(ROWS))
    checks = [F.max(ROWS), *(F.max(key.isNull().cast("int")) for key in keys)]
    most, *nulls = per_key.agg(*checks).collect()[0]
    missing = [key for key, is_null in zip(table.primary_keys, nulls, strict=True) if is_null]
    if missing:
        raise ValueError(f"The rows for feature table '{table.name}' have nulls in the key columns {missing}.")
    if (most or 0) > 1:
        raise ValueError(f"The rows for feature table '{table.name}' are not unique by {list(table.primary_keys)}.")


def create(tables: LocalTables, table: LocalFeatureTable, rows: DataFrame) -> None:
    """Create the table as every other, unless another process did so just now, and merge `rows` into it."""
    with tables.only_writer(table.name):
        tables.create(table.name, rows, table.partition_columns)
        merge(tables, table, rows)


def merge(tables: LocalTables, table: LocalFeatureTable, df: DataFrame) -> None:
    """Update rows whose keys exist and insert the others, in one commit; adds columns that the table lacks."""
    session, view = tables.spark.spark_session, f"merge_{uuid4().hex}"
    df.createOrReplaceTempView(view)
    try:
        with tables.only_writer(table.name):
            held = tables.read(table.name).columns
            if new := [field for field in df.schema if field.name not in held]:
                tables.add_columns(table.name, new)
            session.sql(_merge_sql(tables.sql_name(table.name), view, table, df.columns)).collect()
    finally:
        session.catalog.dropTempView(view)


def _merge_sql(target: str, view: str, table: LocalFeatureTable, columns: list[str]) -> str:
    names = [quoted(name) for name in columns]
    same = " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in table.primary_keys)
    changes = ", ".join(f"{quoted(name)} = s.{quoted(name)}" for name in columns if name not in table.primary_keys)
    update = f"WHEN MATCHED THEN UPDATE SET {changes}" if changes else ""
    values = ", ".join(f"s.{name}" for name in names)
    insert = f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) VALUES ({values})"  # noqa: S608 - names are quoted
    return f"MERGE INTO {target} AS t USING {view} AS s ON {same} {update} {insert}"
