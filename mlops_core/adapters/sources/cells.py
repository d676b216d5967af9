"""Values of one column: text parsed, numbers and times cast; what does not fit becomes null."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_TIME = r"^\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:nan|inf|infinity)$"
_INTEGER = r"^-?\d{1,10}$"
_ZONE = r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)$"
_OFFSETS_OF_UTC = ("Z", "+00", "+00:00", "+0000", "-00:00")
_LARGEST_INTEGER = 2**31 - 1


def present(column: pa.Array, kind: str) -> pa.Array:
    """The column with null where it says that there is no value: an empty text, pandas' NaN among integers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    if kind == "int" and pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return column


def times(text: pa.Array) -> tuple[pa.Array, pa.Array, str | None]:
    """ISO 8601: times without a zone, moments of those with one, and the zone that they are written with.

    Of several zones one is returned that is not UTC.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = _parsed(text, pa.timestamp("us"), f"{_TIME}$")
    if plain.null_count == text.null_count:
        return plain, pa.nulls(len(text), pa.timestamp("us", "UTC")), None
    rest = pc.if_else(pc.is_null(plain), text, pa.scalar(None, pa.string()))
    for pattern, written in ((r"(\.\d{6})\d+", r"\1"), (r" ?UTC$", "Z"), (r" ([+-]\d\d(:?\d\d)?)$", r"\1")):
        rest = pc.replace_substring_regex(rest, pattern, written)
    plain = pc.coalesce(plain, _parsed(rest, pa.timestamp("us"), f"{_TIME}$"))
    moments = _parsed(rest, pa.timestamp("us", "UTC"), _TIME + _ZONE)
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


def _parsed(text: pa.Array, kind: pa.DataType, pattern: str) -> pa.Array:
    """The values of texts that have the pattern; one by one where a text has it and is still none (2016-02-30)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, pa.string()))
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return pa.array([_parsed_one(value, kind) for value in text], kind)


def _parsed_one(text: pa.Scalar, kind: pa.DataType) -> pa.Scalar:
    import pyarrow as pa

    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return pa.scalar(None, kind)


def _parsed_integers(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    # pandas writes integers beside a null as 10001.0
    return _parsed(pc.replace_substring_regex(text, r"\.0*$", ""), pa.int32(), _INTEGER)


def _parsed_doubles(text: pa.Array) -> pa.Array:
    import pyarrow as pa

    return _parsed(text, pa.float64(), _NUMBER)


def _cast_integers(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    doubles = _cast_doubles(column)
    fits = pc.and_(pc.less_equal(pc.abs(doubles), _LARGEST_INTEGER), pc.equal(pc.floor(doubles), doubles))
    return pc.if_else(fits, doubles, pa.scalar(None, pa.float64())).cast(pa.int32())


def _cast_doubles(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.cast(pa.float64(), safe=False)


PARSED = {"int": _parsed_integers, "double": _parsed_doubles}
CAST = {"int": _cast_integers, "double": _cast_doubles}
