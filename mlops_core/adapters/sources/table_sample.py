"""Rows to look at of a table of Unity Catalog: its columns by the catalog, its rows by a SQL warehouse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.sample import SAMPLE_ROWS, SampledRows, typed, undeclared
from mlops_core.adapters.sql_names import quoted, quoted_path
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.times import WALL_CLOCK, EventTimes
from mlops_core.project.checks import REASON
from mlops_core.project.columns import ColumnType
from mlops_core.project.events import DAY
from mlops_core.project.names import require_columns

if TYPE_CHECKING:
    import pyarrow as pa
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.catalog import ColumnInfo
    from databricks.sdk.service.sql import StatementResponse

_TYPES: Mapping[str, ColumnType] = {
    "BOOLEAN": "boolean",
    "BYTE": "int",
    "SHORT": "int",
    "INT": "int",
    "LONG": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DECIMAL": "double",
    "STRING": "string",
    "CHAR": "string",
    "VARCHAR": "string",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_NTZ": "timestamp",
}
_WAIT = "50s"
_CELLS = 1_000_000
"""A warehouse answers with at most 25 MiB at once, which so many values fit in."""
_ENOUGH = 1.1
"""A share of the rows is drawn by chance: so much more is asked for."""


def sample_of_table(name: str, zone: str, without: Collection[str] = (), warehouse: str = "") -> SampledRows:
    """Up to `SAMPLE_ROWS` rows of catalog.schema.table, fewer of a wide one.

    Args:
        zone: Of wall clocks, which are timestamps without a zone.
        without: Columns that are not read.
        warehouse: The id of the SQL warehouse that reads them.

    Raises:
        UnreadableEventsError: nobody is signed in, the table is none that can be read, or there is no warehouse.
        NameRefusedError: a column is called as none can be.
    """
    from mlops_core.adapters.databricks_client import workspace_client
    from mlops_core.adapters.step_launcher.call_errors import call_errors

    errors: tuple[type[Exception], ...] = (*call_errors(), ValueError)
    try:
        client = workspace_client(None)
        columns = [column for column in client.tables.get(name).columns or () if column.name not in without]
        types, unusable = usable(columns, name)
        if not warehouse:
            raise UnreadableEventsError(
                f"{name} has {len(types)} columns that can be used, and its rows are read by a SQL warehouse: name one "
                "with --warehouse or DATABRICKS_WAREHOUSE_ID."
            )
        total, table = _rows(client, warehouse, name, list(types))
    except errors as error:
        if isinstance(error, UnreadableEventsError):
            raise
        said = str(error).partition("\n")[0].rstrip(".")
        raise UnreadableEventsError(f"The table {name} can't be read: {said}.") from error
    if not len(table):
        raise UnreadableEventsError(f"{name} has no row: give it a source that has some.")
    moments = any(column.type_name and column.type_name.value == "TIMESTAMP" for column in columns)
    declared = "UTC" if moments or zone == "UTC" else WALL_CLOCK
    rows = typed(table, FileClock(EventTimes(undeclared(types, zone), declared), Path(name)))
    return SampledRows(rows, types, total, len(rows) == total, unusable, declared)


def usable(columns: Sequence[ColumnInfo], table: str) -> tuple[dict[str, ColumnType], dict[str, str]]:
    """The types of the columns that a project can have, and why it can't have the others.

    Raises:
        NameRefusedError: a column is called as none can be.
    """
    types: dict[str, ColumnType] = {}
    unusable: dict[str, str] = {}
    for column in columns:
        name, kind = str(column.name), column.type_name.value if column.type_name else ""
        if name.lower() in (DAY, REASON):
            unusable[name] = "the pipeline has a column of that name: rename it at the source to use it"
        elif kind in _TYPES:
            types[name] = _TYPES[kind]
        else:
            unusable[name] = f"it holds {column.type_text or kind}, which is no single value"
    require_columns(types, f"The columns of {table}")
    return types, unusable


def table_of(answer: Sequence[Sequence[str | None]], names: Sequence[str]) -> pa.Table:
    """The rows of a warehouse's answer, as texts."""
    import pyarrow as pa

    columns = {name: pa.array([row[place] for row in answer], pa.string()) for place, name in enumerate(names)}
    return pa.table(columns | {SOURCE_PROBLEM: pa.nulls(len(answer), pa.string())})


def _rows(client: WorkspaceClient, warehouse: str, name: str, columns: Sequence[str]) -> tuple[int, pa.Table]:
    """How many rows the table has, and some of them, drawn by chance."""
    table = quoted_path(name)
    counted = next(_answer(client, warehouse, f"SELECT count(*) FROM {table}"))  # noqa: S608, names are quoted
    total = int(counted[0] or 0)
    most = min(SAMPLE_ROWS, _CELLS // max(len(columns), 1))
    names = ", ".join(quoted(column) for column in columns)
    share = f" TABLESAMPLE ({100 * most * _ENOUGH / total:.6f} PERCENT) REPEATABLE (0)" if total > most else ""
    sql = f"SELECT {names} FROM {table}{share} LIMIT {most}"  # noqa: S608, names are quoted
    return total, table_of(list(_answer(client, warehouse, sql)), columns)


def _answer(client: WorkspaceClient, warehouse: str, sql: str) -> Iterator[Sequence[str | None]]:
    """The rows of a statement, in all its parts."""
    response = client.statement_execution.execute_statement(sql, warehouse, wait_timeout=_WAIT)
    statement = str(response.statement_id)
    response = _finished(client, response)
    part = response.result
    while part is not None:
        yield from part.data_array or ()
        following = part.next_chunk_index
        part = None if following is None else client.statement_execution.get_statement_result_chunk_n(
            statement, following
        )  # fmt: skip


def _finished(client: WorkspaceClient, response: StatementResponse) -> StatementResponse:
    """The response when the statement is done.

    Raises:
        UnreadableEventsError: it failed.
    """
    import time

    while (state := _state(response)) in ("PENDING", "RUNNING"):
        time.sleep(2)
        response = client.statement_execution.get_statement(str(response.statement_id))
    if state != "SUCCEEDED":
        error = response.status.error if response.status else None
        said = str(error.message if error else state).partition("\n")[0].rstrip(".")
        raise UnreadableEventsError(f"The SQL warehouse refuses to read the table: {said}.")
    return response


def _state(response: StatementResponse) -> str:
    return response.status.state.value if response.status and response.status.state else "FAILED"
