"""How a CSV file is written: its separator, its header, its quotes. Each file has its own."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_core.adapters.sources.bounds import LONGEST, refuse_long_row, refuse_many_columns
from mlops_core.adapters.sources.csv_formats import DAY
from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.header import plain, positions_of
from mlops_core.project import EventTable

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_SEPARATORS = (",", ";", "\t", "|")
_BLOCK = LONGEST
_SWALLOWED_DAY = re.compile(rf"[\r\n](?:.*[{''.join(_SEPARATORS)}\r\n])?[\s\"]*{DAY}", re.DOTALL)
"""Where a field begins: a name may say since when."""
_OTHER_FORMATS = {
    b"PAR1": "parquet",
    b"\x1f\x8b": "compressed with gzip (name it .csv.gz)",
    b"PK\x03\x04": "a zip or Excel file",
    b"BZh": "compressed with bzip2",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


@dataclass(frozen=True)
class Dialect:
    """How one file is written; `columns` has the place of each declared column among `width`."""

    separator: str
    width: int
    columns: dict[str, int]
    header_lines: int
    has_rows: bool
    has_quotes: bool
    escapes: bool

    def rows(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """The fields of each row, by Python's own reader."""
        return csv.reader(lines, delimiter=self.separator, escapechar="\\" if self.escapes else None)


def dialect_of(events: EventTable, file: DataFile) -> Dialect:
    """Look at the whole file once.

    Raises:
        UnreadableEventsError: it is empty, of another format or not written in full, or its header has a quote without
            its end, or not each declared column once.
    """
    with opened(file) as stream:
        block = stream.read(_BLOCK)
        _check_format(file, block)
        lines = block.splitlines(keepends=True)
        declared = set(map(plain, events.source_types))
        separator = max(_SEPARATORS, key=lambda one: len(declared.intersection(map(plain, _header(lines, one)[0]))))
        names, header_lines = _header(lines, separator)
        refuse_many_columns(file, len(names))
        _refuse_swallowed(file, lines, names)
        columns = positions_of(events, file, names)
        if separator != ",":
            logger.info("%s separates its columns with %r", file.path, separator)
        has_rows = bool(b"".join(lines[header_lines:]).strip()) or len(block) == _BLOCK
        has_quotes, escapes = _quotes(file, stream, block, separator, len(names))
    return Dialect(separator, len(names), columns, header_lines, has_rows, has_quotes, escapes)


def written_names(file: DataFile) -> list[str]:
    """The names of the header, by the separator that gives the most; for a file of which nothing is declared yet.

    Raises:
        UnreadableEventsError: it is empty, damaged or of another format.
    """
    import pyarrow as pa

    try:
        with opened(file) as stream:
            block = stream.read(_BLOCK)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error
    _check_format(file, block)
    lines = block.splitlines(keepends=True)
    return max((_header(lines, separator)[0] for separator in _SEPARATORS), key=len)


def unreadable(file: DataFile, error: Exception) -> UnreadableEventsError:
    """What to say of an error of the engine that reads it."""
    return UnreadableEventsError(
        f"{file.path} cannot be read as CSV, it is cut off, damaged or another format "
        f"({str(error).partition(chr(10))[0][:200]}): replace it by a whole file, or take it out of the folder."
    )


def opened(file: DataFile) -> pa.NativeFile:
    """The bytes of the file, decompressed."""
    import pyarrow as pa

    return pa.input_stream(str(file.path), compression="gzip" if file.path.name.lower().endswith(".gz") else None)


def _check_format(file: DataFile, block: bytes) -> None:
    found = next((words for magic, words in _OTHER_FORMATS.items() if block.startswith(magic)), None)
    if not block.strip():
        raise UnreadableEventsError(f"{file.path} is empty, without even a header: take it out, or deliver it again.")
    if found:
        raise UnreadableEventsError(f"{file.path} is named as CSV but is {found}: save it as CSV in UTF-8.")
    _refuse_zero_bytes(file, block)


def _refuse_zero_bytes(file: DataFile, block: bytes) -> None:
    """Arrow takes what stands between two of them for one value, lines and all."""
    if b"\x00" in block:
        raise UnreadableEventsError(
            f"{file.path} is named as CSV but is UTF-16 or binary, or was not written in full: it has bytes that are "
            f"zero. Save it as CSV in UTF-8."
        )


def _header(lines: list[bytes], separator: str) -> tuple[list[str], int]:
    """The names of the first line that is not blank, a single one if it is too long, and on how many lines it ends."""
    texts = (line.decode("utf-8-sig" if i == 0 else "utf-8", errors="replace") for i, line in enumerate(lines))
    rows = csv.reader(texts, delimiter=separator)
    try:
        names = next((row for row in rows if any(name.strip() for name in row)), [])
    except csv.Error:
        names = [b"".join(lines[: rows.line_num]).decode(errors="replace")]
    return names, rows.line_num


def _refuse_swallowed(file: DataFile, lines: list[bytes], names: list[str]) -> None:
    """A name may have a line break, but no field with a day after it: that is a row."""
    if any(map(_SWALLOWED_DAY.search, names)):
        line = next(number for number, text in enumerate(lines, 1) if text.strip())
        raise UnreadableEventsError(
            f"{file.path}, line {line}: a quote that is opened in the header has no end, and takes rows with it: close "
            f"or remove it."
        )


def _quotes(file: DataFile, stream: pa.NativeFile, block: bytes, separator: str, width: int) -> tuple[bool, bool]:
    """Whether the file has quotes at all, and whether \\" is a quote inside of quotes, as Spark writes it.

    In RFC 4180 the quotes end there: the first part of the file that is better read one way says which it is.
    """
    has_quotes, escapes, breaks = False, None, 0
    while block:
        breaks += _line_breaks(file, block, breaks)
        has_quotes = has_quotes or b'"' in block
        if escapes is None and b'\\"' in block:
            lines = [line.decode(errors="replace") for line in block.splitlines(keepends=True)]
            escaped, doubled = (_faulty(lines, separator, width, escape) for escape in ("\\", None))
            escapes = None if escaped == doubled else escaped < doubled
        block = stream.read(_BLOCK)
        _refuse_zero_bytes(file, block)
    return has_quotes, bool(escapes)


def _line_breaks(file: DataFile, block: bytes, before: int) -> int:
    """How many a block has, after so many before it; whatever reads lines can hold one."""
    breaks = block.count(b"\n") or block.count(b"\r")
    if not breaks and len(block) == _BLOCK:
        refuse_long_row(file, before + 1)
    return breaks


def _faulty(lines: list[str], separator: str, width: int, escape: str | None) -> int:
    """How many rows have not all their fields, or go on where quotes have ended."""
    rows = csv.reader(iter(lines), delimiter=separator, escapechar=escape, strict=True)
    faulty = 0
    while True:
        try:
            faulty += len(next(rows)) not in (width, 0)
        except csv.Error:
            faulty += 1
        except StopIteration:
            return faulty
