"""One CSV file in batches: every row of it by its own header, and the malformed ones as rows with a problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.bounds import LONGEST, refuse_long_row
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.csv_dialect import Dialect, dialect_of, opened, unreadable
from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.swallowed import refuse_swallowed
from mlops_core.adapters.sources.values import constants_of, malformed, rows_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

ACROSS_BLOCKS = "straddling object"
"""In Arrow's error of a row that is longer than a block."""


def csv_batches(file: DataFile, clock: FileClock) -> Iterator[pa.RecordBatch]:
    """The file's rows, in batches of `landed_schema`.

    Raises:
        UnreadableEventsError: it is not readable as CSV, or a quote without end swallowed rows.
    """
    import pyarrow as pa

    try:
        dialect = dialect_of(clock.times.events, file)
        if dialect.has_rows:
            yield from _batches(file, dialect, clock)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error


def _batches(file: DataFile, dialect: Dialect, clock: FileClock) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    events, malformed_rows = clock.times.events, Counter[str]()
    goes_on = False  # a row over several lines was met

    def keep_count(row: pa_csv.InvalidRow) -> str:
        nonlocal goes_on
        goes_on = goes_on or "\n" in row.text.strip() or "\r" in row.text.strip()
        if row.text.strip():
            malformed_rows["too many fields" if row.actual_columns > row.expected_columns else "too few fields"] += 1
        return "skip"

    with opened(file) as stream:
        try:
            for batch in _reader(stream, dialect, keep_count):
                goes_on = goes_on or (dialect.has_quotes and _has_line_break(batch))
                cells = {name: batch.column(str(place)) for name, place in dialect.columns.items()}
                texts = {name: cell if events.types[name] == "string" else _text(cell) for name, cell in cells.items()}
                yield rows_of(texts | constants_of(events, file, texts, batch.num_rows), clock)
        except pa.ArrowInvalid as error:
            refuse_swallowed(events, file, dialect)
            if ACROSS_BLOCKS in str(error):
                refuse_long_row(file)
            raise
    if goes_on:
        refuse_swallowed(events, file, dialect)
    yield from (malformed(events, count, reason) for reason, count in malformed_rows.items())


def _reader(stream: pa.NativeFile, dialect: Dialect, invalid_row_handler: object) -> pa_csv.CSVStreamingReader:
    """All columns as bytes where one may have swallowed lines, else the declared ones; their names are their places."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    names = [str(place) for place in range(dialect.width)]
    used = names if dialect.has_quotes else [str(place) for place in dialect.columns.values()]
    return pa_csv.open_csv(
        stream,
        pa_csv.ReadOptions(block_size=LONGEST, column_names=names, skip_rows=dialect.header_lines),
        pa_csv.ParseOptions(
            delimiter=dialect.separator,
            quote_char='"' if dialect.has_quotes else False,
            escape_char="\\" if dialect.escapes else False,
            newlines_in_values=dialect.has_quotes,
            invalid_row_handler=invalid_row_handler,
        ),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()), include_columns=used, strings_can_be_null=False
        ),
    )


def _has_line_break(batch: pa.RecordBatch) -> bool:
    """Whether a value has one, by the bytes of all values of a column at once."""
    values = (bytes(column.buffers()[-1] or b"") for column in batch.columns)
    return any(b"\n" in data or b"\r" in data for data in values)


def _text(column: pa.Array) -> pa.Array:
    """The bytes as text; those that are not UTF-8 as text that is no value of any column."""
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([value.decode(errors="replace") for value in column.to_pylist()], pa.string())
