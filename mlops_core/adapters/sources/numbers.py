"""Numbers of a column, exact or null: integers never pass through a double that can't represent them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.sources.parsing import parsed

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:nan|inf|infinity)$"
_INTEGER = r"^-?\d+$"
_EXACT = 2**53
"""Up to here doubles represent every integer exactly."""
_INT, _BIGINT = 2**31 - 1, 2**63 - 1


def parsed_doubles(text: pa.Array) -> pa.Array:
    import pyarrow as pa

    return parsed(text, pa.float64(), _NUMBER)


def cast_doubles(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.cast(pa.float64(), safe=False)


def parsed_bigints(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    # pandas writes integers beside a null as 10001.0
    return parsed(pc.replace_substring_regex(text, r"\.0*$", ""), pa.int64(), _INTEGER)


def cast_bigints(column: pa.Array) -> pa.Array:
    """Whole numbers of any numeric type as 64-bit integers."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return _of_doubles(cast_doubles(column))
    if pa.types.is_decimal(column.type):
        return _of_decimals(column)
    return _where(column, _at_most(column, _BIGINT)).cast(pa.int64()) if column.type == pa.uint64() else column


def parsed_ints(text: pa.Array) -> pa.Array:
    return _narrowed(parsed_bigints(text))


def cast_ints(column: pa.Array) -> pa.Array:
    return _narrowed(cast_bigints(column))


def _narrowed(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = column.cast(pa.int64())
    fits = pc.and_(_at_most(column, _INT), pc.greater_equal(column, -_INT - 1))
    return _where(column, fits).cast(pa.int32())


def _of_doubles(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_exact = pc.and_(pc.less_equal(pc.abs(column), _EXACT), pc.equal(pc.floor(column), column))
    return _where(column, is_exact).cast(pa.int64())


def _of_decimals(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = column.type.precision
    whole = column.cast(pa.decimal256(digits, 0), safe=False)
    is_whole = pc.equal(whole.cast(pa.decimal256(digits + column.type.scale, column.type.scale)), column)
    return parsed_bigints(_where(whole, is_whole).cast(pa.string()))


def _at_most(column: pa.Array, largest: int) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.less_equal(column, pa.scalar(largest, column.type))


def _where(column: pa.Array, fits: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(fits, column, pa.scalar(None, column.type))
