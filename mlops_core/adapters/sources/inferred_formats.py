"""In which formats CSV writes the texts of its columns, where nobody has declared any.

A format is taken where it alone reads a column and, of numbers, some show their decimal mark; else where the other
columns are written so. What two formats would read as different values stays text until a person says which it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_core.adapters.sources import cells
from mlops_core.adapters.sources.csv_formats import normalized
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.inferred_types import type_of_texts
from mlops_core.project.columns import (
    CSV_FORMATS,
    DATE_FORMATS,
    NUMBER_FORMATS,
    NUMBERS,
    ColumnType,
    CsvFormat,
    choices,
    csv_formats_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

_MARKS: Mapping[CsvFormat, str] = {"decimal_comma": ",", "decimal_point": "."}
_GLANCE = 1_000
"""So few texts tell that a column is in none of the formats."""
_GROUPED = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"
"""Thousands where commas are decimal, and elsewhere three decimals."""


@dataclass(frozen=True)
class Reading:
    """How the texts of a column are read.

    Args:
        reason: Why in that format, or why in none.
        possible: The formats of which nobody knows which it is.
    """

    type: ColumnType
    csv_format: CsvFormat = ""
    reason: str = ""
    possible: tuple[CsvFormat, ...] = ()


def readings(texts: Mapping[str, pa.Array], said: Mapping[str, CsvFormat]) -> dict[str, Reading]:
    """How each column is read; `said` has the formats that a person knows, an empty one of what stays text.

    Raises:
        UnreadableEventsError: a format is said of a column that is not there, or not written so.
    """
    if unknown := [name for name in said if name not in texts]:
        raise UnreadableEventsError(
            f"--csv-format names '{unknown[0]}', which is no column of CSV that is read: {choices(texts)}"
        )
    held = {name: text.drop_null() for name, text in texts.items()}
    found = {name: _said(name, text, said[name]) if name in said else _read(text) for name, text in held.items()}
    for formats in (NUMBER_FORMATS, DATE_FORMATS):
        used = {each.csv_format for each in found.values()}.intersection(formats)
        if len(used) == 1:
            others = {name: text for name, text in held.items() if name not in said}
            found |= {name: _alike(found[name], text, *used) for name, text in others.items()}
    return found


def _said(name: str, text: pa.Array, csv_format: CsvFormat) -> Reading:
    if not csv_format:
        return Reading("string")
    kind = type_of_texts(normalized(text, csv_format))
    if csv_format not in csv_formats_of(kind):
        shown = f"texts such as {_without(text, csv_format)!r}" if len(text) else "no values"
        raise UnreadableEventsError(
            f"--csv-format says {csv_format} of '{name}', as in {CSV_FORMATS[csv_format]}, and it has {shown}: say "
            "another one, or leave it out."
        )
    return Reading(kind, csv_format, "given")


def _read(text: pa.Array) -> Reading:
    if (kind := type_of_texts(text)) != "string":
        return _with_thousands(text) if kind in NUMBERS else Reading(kind)
    likely = [each for each in CSV_FORMATS if type_of_texts(normalized(text[:_GLANCE], each)) != "string"]
    kinds = {each: type_of_texts(normalized(text, each)) for each in likely}
    fitting = tuple(each for each, kind in kinds.items() if kind != "string")
    if len(fitting) == 1 and (example := _evidence(text, *fitting)):
        (one,) = fitting
        return Reading(kinds[one], one, f"{example!r} is written so")
    if fitting:
        meant = " or ".join(f"{each}, as {CSV_FORMATS[each]}" for each in fitting)
        return Reading("string", "", f"{text[0].as_py()!r} may be {meant}", fitting)
    return Reading("string")


def _with_thousands(text: pa.Array) -> Reading:
    """Of numbers of which few are large: with a decimal point, where only that reads more of them.

    A comma in few of many whole numbers decides nothing by itself.
    """
    lost = {each: _unread(normalized(text, each)) for each in NUMBER_FORMATS}
    better = tuple(each for each, count in lost.items() if count < _unread(text))
    if better != ("decimal_point",):
        return Reading(type_of_texts(text), possible=better)
    return Reading(type_of_texts(normalized(text, *better)), *better, f"{_without(text, '')!r} is written so")


def _unread(text: pa.Array) -> int:
    return cells.PARSED["double"](text).null_count


def _alike(reading: Reading, text: pa.Array, one: CsvFormat) -> Reading:
    """The reading of a column that may be in the format of other columns."""
    is_thousands = one == "decimal_comma" and reading.type == "double" and not reading.csv_format and _is_grouped(text)
    if not is_thousands and one not in reading.possible:
        return reading
    return Reading(type_of_texts(normalized(text, one)), one, "other columns are written so")


def _is_grouped(text: pa.Array) -> bool:
    import pyarrow.compute as pc

    pointed = pc.filter(text, pc.match_substring(text, "."))
    return len(pointed) > 0 and pc.all(pc.match_substring_regex(pointed, _GROUPED)).as_py()


def _evidence(text: pa.Array, csv_format: CsvFormat) -> str:
    """A text that shows the format; empty where none does, as of numbers without their decimal mark."""
    import pyarrow.compute as pc

    if csv_format in NUMBER_FORMATS:
        return next(iter(pc.filter(text, pc.match_substring(text, _MARKS[csv_format])).to_pylist()), "")
    is_shown = _is_time(text, csv_format)
    for other in DATE_FORMATS:
        if other != csv_format:
            is_shown = pc.and_not(is_shown, _is_time(text, other))
    return next(iter(pc.filter(text, is_shown).to_pylist()), "")


def _is_time(text: pa.Array, csv_format: CsvFormat) -> pa.Array:
    import pyarrow.compute as pc

    times, moments, _ = cells.times(normalized(text, csv_format))
    return pc.or_(pc.is_valid(times), pc.is_valid(moments))


def _without(text: pa.Array, csv_format: CsvFormat) -> str:
    """A text that has not the format, the empty one that of plain numbers; the first where zeros stand in front."""
    import pyarrow.compute as pc

    if csv_format not in DATE_FORMATS:
        is_read = pc.is_valid(cells.PARSED["double"](normalized(text, csv_format)))
    else:
        is_read = _is_time(text, csv_format)
    return next(iter(pc.filter(text, pc.invert(is_read)).to_pylist()), text[0].as_py())
