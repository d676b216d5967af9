"""One parquet file in batches: the declared columns by their names; the others are not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.bounds import refuse_large_pages, refuse_long_text, rows_at_once
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.column_types import is_text, type_problem
from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.header import positions_of
from mlops_core.adapters.sources.values import constants_of, rows_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 131_072


def parquet_batches(
    file: DataFile, clock: FileClock, row_groups: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """The file's rows, or those of some row groups, in batches of `landed_schema`.

    Raises:
        UnreadableEventsError: it is no whole parquet file, or a column is missing, doubled or of another kind of type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Spark's old times reach further than the nanoseconds that they would be read as.
        with pq.ParquetFile(file.path, coerce_int96_timestamp_unit="us") as opened:
            events = clock.times.events
            positions = positions_of(events, file, opened.schema_arrow.names)
            for name, position in positions.items():
                _check_type(file, events.types[name], opened.schema_arrow.field(position))
            yield from _batches(file, opened, positions, clock, row_groups)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableEventsError(
            f"{file.path} cannot be read as parquet, it is cut off, damaged or another format "
            f"({str(error).partition(chr(10))[0][:200]}): replace it by a whole file, or take it out of the folder."
        ) from error


def _batches(
    file: DataFile,
    opened: pq.ParquetFile,
    positions: dict[str, int],
    clock: FileClock,
    row_groups: Sequence[int] | None,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    events = clock.times.events
    names = {name: opened.schema_arrow.names[position] for name, position in positions.items()}
    moments = {name for name in names if events.types[name] == "timestamp" and _is_int96(opened, names[name])}
    texts = [name for name in names.values() if _holds_text(opened.schema_arrow.field(name).type)]
    for batch in _unpacked(file, opened, list(names.values()), texts, row_groups):
        columns = {name: batch.column(names[name]) for name in names}
        columns |= {name: columns[name].cast(pa.timestamp("us", "UTC")) for name in moments}
        yield rows_of(columns | constants_of(events, file, names, batch.num_rows), clock)


def _unpacked(
    file: DataFile, opened: pq.ParquetFile, columns: list[str], texts: Sequence[str], row_groups: Sequence[int] | None
) -> Iterator[pa.RecordBatch]:
    """The columns, row group by row group, so much at once as is held in memory without harm."""
    for group in range(opened.num_row_groups) if row_groups is None else row_groups:
        for name in columns:
            refuse_large_pages(file, opened, group, name, is_text=name in texts)
        rows = min((rows_at_once(file, opened, group, name, BATCH_ROWS) for name in texts), default=BATCH_ROWS)
        for batch in opened.iter_batches(rows, [group], columns=columns):
            for name in texts:
                refuse_long_text(file, name, batch.column(name))
            yield batch


def _holds_text(found: pa.DataType) -> bool:
    import pyarrow as pa

    return is_text(found.value_type if pa.types.is_dictionary(found) else found)


def _check_type(file: DataFile, kind: str, field: pa.Field) -> None:
    problem = type_problem(kind, field.type)
    if problem:
        raise UnreadableEventsError(f"Column {field.name} of {file.path} {problem}.")


def _is_int96(opened: pq.ParquetFile, name: str) -> bool:
    """Times as Spark writes them by default: moments of UTC, without saying so."""
    columns = (opened.schema.column(i) for i in range(len(opened.schema)))
    return any(column.path == name and column.physical_type == "INT96" for column in columns)
