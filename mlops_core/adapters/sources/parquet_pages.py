"""The sizes of a parquet file's pages, from their own headers: pyarrow allocates what these say, not the footer.

A header is a struct of Thrift's compact protocol; its fields 2 and 3 are the size unpacked and the size in the file
(https://github.com/apache/parquet-format, PageHeader).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pyarrow.parquet as pq

LONGEST_VALUE = 1 << 24  # a header may have the smallest and the largest value of its page
UNPACKED, PACKED = 2, 3
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
DEEPEST, LONG_LIST, CONTINUES, MOST_BITS = 8, 15, 128, 63


def unpacked_sizes(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Iterator[int]:
    """The bytes, unpacked, of each page of a column in one row group.

    Raises:
        OSError: there is no page header where one should be.
    """
    starts = (chunk.data_page_offset, chunk.dictionary_page_offset)
    at = min(start for start in starts if start)
    end = at + chunk.total_compressed_size
    while at < end:
        file.seek(at)
        try:
            sizes = _integers(file)
            unpacked, packed = sizes[UNPACKED], sizes[PACKED]
        except (IndexError, KeyError):
            unpacked = packed = -1
        if min(unpacked, packed) < 0:
            raise OSError(f"no page begins at byte {at}")
        yield unpacked
        at = file.tell() + packed


def _integers(data: BinaryIO, depth: int = 0) -> dict[int, int]:
    """The whole numbers of a struct by the ids of their fields; whatever else it has is passed over.

    Raises:
        IndexError: it is none, or does not end.
    """
    found: dict[int, int] = {}
    field = 0
    while (head := _byte(data)) != 0:
        field = field + (head >> 4) if head >> 4 else _whole(data)
        if (kind := head & 15) in (I16, I32, I64):
            found[field] = _whole(data)
        elif kind not in (TRUE, FALSE):
            _pass_over(data, kind, depth)
    return found


def _pass_over(data: BinaryIO, kind: int, depth: int) -> None:
    if depth > DEEPEST:
        raise IndexError("deeper than a page header is")
    if kind == STRUCT:
        _integers(data, depth + 1)
    elif kind in (LIST, SET):
        head = _byte(data)
        for _ in range(head >> 4 if head >> 4 < LONG_LIST else _varint(data)):
            _pass_over(data, head & 15, depth + 1)
    elif kind in (I16, I32, I64):
        _varint(data)
    else:
        length = {TRUE: 1, FALSE: 1, BYTE: 1, DOUBLE: 8}[kind] if kind != BINARY else _varint(data)
        if length > LONGEST_VALUE or len(data.read(length)) < length:
            raise IndexError("the header does not end")


def _whole(data: BinaryIO) -> int:
    """Zigzag: the sign is the lowest bit."""
    number = _varint(data)
    return (number >> 1) ^ -(number & 1)


def _varint(data: BinaryIO) -> int:
    number = shift = 0
    while True:
        byte = _byte(data)
        number |= (byte & 127) << shift
        shift += 7
        if byte < CONTINUES:
            return number
        if shift > MOST_BITS:
            raise IndexError("longer than any number")


def _byte(data: BinaryIO) -> int:
    return data.read(1)[0]
