"""Values of one column: text parsed, numbers and times cast; what does not fit becomes null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.sources import numbers
from mlops_core.adapters.sources.column_types import is_text
from mlops_core.adapters.sources.parsing import parsed

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = r"^\d{4}-\d\d-\d\d"
_TIME = _DAY + r"([ T]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?"
_MIDNIGHT = r"[ T]00:00(:00(\.0+)?)?$"
_ZONE = r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)$"
_OFFSETS_OF_UTC = ("Z", "+00", "+00:00", "+0000", "-00:00")
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")


def present(column: pa.Array, kind: str) -> pa.Array:
    """The column with null where it says that there is no value: an empty cell of CSV, pandas' NaN among integers.

    CSV cells of strings are bytes, and keep their blanks; an empty text of another format is a value.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_text(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) and kind != "string":
        column = pc.utf8_trim_whitespace(column)
    if pa.types.is_binary(column.type) or (pa.types.is_string(column.type) and kind != "string"):
        return pc.if_else(pc.equal(column, pa.scalar("", column.type)), pa.scalar(None, column.type), column)
    if kind in ("int", "bigint") and pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return column


def times(text: pa.Array) -> tuple[pa.Array, pa.Array, str | None]:
    """ISO 8601: times without a zone, moments of those with one, and the zone that they are written with.

    Of several zones one is returned that is not UTC.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = parsed(text, pa.timestamp("us"), f"{_TIME}$")
    if plain.null_count == text.null_count:
        return plain, pa.nulls(len(text), pa.timestamp("us", "UTC")), None
    rest = pc.if_else(pc.is_null(plain), text, pa.scalar(None, pa.string()))
    for pattern, written in ((r"(\.\d{6})\d+", r"\1"), (r" ?UTC$", "Z"), (r" ([+-]\d\d(:?\d\d)?)$", r"\1")):
        rest = pc.replace_substring_regex(rest, pattern, written)
    plain = pc.coalesce(plain, parsed(rest, pa.timestamp("us"), f"{_TIME}$"))
    moments = parsed(rest, pa.timestamp("us", "UTC"), _TIME + _ZONE)
    zones = pc.extract_regex(pc.filter(rest, pc.is_valid(moments)), _ZONE).field("zone").unique().to_pylist()
    return plain, moments, next((zone for zone in zones if zone not in _OFFSETS_OF_UTC), "UTC")


def microseconds(column: pa.Array) -> pa.Array:
    """Times of any unit in microseconds; a nanosecond is cut off, and what no longer fits becomes null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.timestamp("us", column.type.tz)
    factor = {"s": 1_000_000, "ms": 1_000}.get(column.type.unit)
    if factor:
        ends = (2**63 - 1) // factor
        fits = pc.less_equal(pc.abs(column.cast(pa.int64())), ends)
        column = pc.if_else(fits, column, pa.scalar(None, column.type))
    return column.cast(kind, safe=False)


def _parsed_booleans(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(text)
    is_true, is_false = (pc.is_in(lower, pa.array(words)) for words in (_TRUE, _FALSE))
    return pc.if_else(pc.or_(is_true, is_false), is_true, pa.scalar(None, pa.bool_()))


def _parsed_dates(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return parsed(pc.replace_substring_regex(text, _MIDNIGHT, ""), pa.date32(), f"{_DAY}$")


def _cast_dates(column: pa.Array) -> pa.Array:
    """Dates, and times that are a midnight."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_timestamp(column.type):
        return column.cast(pa.date32(), safe=False)
    times = microseconds(column)
    days = times.cast(pa.date32(), safe=False)
    return pc.if_else(pc.equal(days.cast(times.type), times), days, pa.scalar(None, pa.date32()))


def _decoded(column: pa.Array) -> pa.Array:
    """Bytes of CSV as text; null where they are not UTF-8."""
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_utf8(value) for value in column.to_pylist()], pa.string())


def _utf8(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _as_is(column: pa.Array) -> pa.Array:
    return column


PARSED = {
    "boolean": _parsed_booleans,
    "int": numbers.parsed_ints,
    "bigint": numbers.parsed_bigints,
    "float": numbers.parsed_doubles,
    "double": numbers.parsed_doubles,
    "string": _as_is,
    "date": _parsed_dates,
}
CAST = {
    "boolean": _as_is,
    "int": numbers.cast_ints,
    "bigint": numbers.cast_bigints,
    "float": numbers.cast_doubles,
    "double": numbers.cast_doubles,
    "string": _decoded,
    "date": _cast_dates,
}
