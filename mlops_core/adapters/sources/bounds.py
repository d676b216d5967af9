"""How much of a file is unpacked at once: what a small one holds of a large one is refused, or read in small parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.parquet_pages import unpacked_sizes

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MIB = 1 << 20
LONGEST = MIB
"""Bytes of a row of CSV, and of a text of parquet."""
MOST_COLUMNS = 10_000
AT_ONCE = 32 * MIB
"""Bytes of the rows that are held before they are written."""
MOST_TEXT = 256 * MIB
"""Bytes, unpacked, of a text column in one row group, and of a page of any column, which is unpacked as a whole."""
SAMPLED = 1024 * MIB
"""Bytes of the rows that are looked at of a source of which nothing is declared."""


def refuse_long_row(file: DataFile, line: int | None = None) -> None:
    where = f"{file.path}, line {line}: it" if line else f"{file.path} has a row that"
    raise UnreadableEventsError(
        f"{where} is longer than {LONGEST // MIB} MiB, so a line break is missing or a value is no value of a column: "
        "write a line for each row."
    )


def refuse_many_columns(file: DataFile, count: int) -> None:
    if count > MOST_COLUMNS:
        raise UnreadableEventsError(
            f"{file.path} has {count:,} columns, and at most {MOST_COLUMNS:,} are read: leave out those that nobody "
            "declares, or write it as parquet."
        )


def refuse_long_text(file: DataFile, column: str, texts: pa.Array) -> None:
    """Refuse texts, plain or in a dictionary, one of which is longer than any value of a column."""
    if _longest(texts) > LONGEST:
        raise UnreadableEventsError(
            f"Column {column} of {file.path} has a text that is longer than {LONGEST // MIB} MiB: shorten it, or leave "
            "its row out."
        )


def refuse_large_pages(file: DataFile, opened: pq.ParquetFile, group: int, column: str, *, is_text: bool) -> None:
    """Refuse a column of a row group by what its pages say themselves: its footer may say less.

    Raises:
        UnreadableEventsError: a page, or all of a text column, is too large.
        OSError: the file is damaged.
    """
    with file.path.open("rb") as raw:
        sizes = list(unpacked_sizes(raw, _chunk(opened, group, column)))
    size = sum(sizes) if is_text else max(sizes, default=0)
    if size > MOST_TEXT:
        where = "in one row group" if is_text else "in one page"
        raise UnreadableEventsError(
            f"Column {column} of {file.path} takes {size // MIB:,} MiB {where}, and at most {MOST_TEXT // MIB} MiB are "
            "read: write row groups of fewer rows."
        )


def _chunk(opened: pq.ParquetFile, group: int, column: str) -> pq.ColumnChunkMetaData:
    leaf = next(i for i in range(len(opened.schema)) if opened.schema.column(i).path == column)
    return opened.metadata.row_group(group).column(leaf)


def rows_at_once(file: DataFile, opened: pq.ParquetFile, group: int, column: str, most: int) -> int:
    """How many rows of a row group can be read at once for the sake of one text column, at most `most`.

    A dictionary holds a text once, for however many rows.

    Raises:
        UnreadableEventsError: it has a text that is too long.
    """
    import pyarrow.parquet as pq

    if not _chunk(opened, group, column).has_dictionary_page:
        return most
    with pq.ParquetFile(file.path, metadata=opened.metadata, read_dictionary=[column]) as encoded:
        first = next(encoded.iter_batches(1, [group], columns=[column]), None)
    if first is None:
        return most
    refuse_long_text(file, column, first.column(0))
    return min(most, AT_ONCE // max(_longest(first.column(0)), 1))


def _longest(texts: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = texts.dictionary if pa.types.is_dictionary(texts.type) else texts
    plain = plain.cast(pa.large_string()) if pa.types.is_string_view(plain.type) else plain
    return pc.max(pc.binary_length(plain)).as_py() or 0
