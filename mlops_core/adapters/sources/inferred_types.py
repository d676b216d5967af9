"""Which of a project's types the values of a source are of, where nobody has declared any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.sources import cells
from mlops_core.adapters.sources.column_types import is_text
from mlops_core.project.columns import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

FITTING = 0.995
"""The share of the texts of a column that have to be numbers for it to be one; the other rows are rejected."""
_LEADING_ZERO = r"^[+-]?0\d"
_LARGE = 2**30


def type_of_column(found: pa.DataType) -> ColumnType | None:
    """The type that holds the values of an Arrow type; None where none does, as of lists."""
    from pyarrow import types

    found = found.value_type if types.is_dictionary(found) else found
    if types.is_boolean(found):
        return "boolean"
    if types.is_integer(found):
        return "int" if found.bit_width < 64 and not types.is_uint32(found) else "bigint"  # noqa: PLR2004, bits
    if types.is_floating(found) or types.is_decimal(found):
        return "double" if types.is_decimal(found) or found.bit_width == 64 else "float"  # noqa: PLR2004, bits
    if types.is_timestamp(found):
        return "timestamp"
    if types.is_date(found):
        return "date"
    return "string" if is_text(found) else None


def type_of_texts(text: pa.Array) -> ColumnType:
    """The type that holds nearly all of the texts, which is string at the least."""
    import pyarrow.compute as pc

    held = text.drop_null()
    if not len(held) or _fitting(pc.match_substring_regex(held, _LEADING_ZERO)) > 1 - FITTING:
        return "string"  # 00501 is a code
    if _fits(cells.PARSED["bigint"](held)):
        small = pc.max(pc.abs(cells.PARSED["bigint"](held))).as_py() < _LARGE
        return "int" if small else "bigint"
    for kind in ("double", "date"):
        if _fits(cells.PARSED[kind](held)):
            return kind
    if _fitting(pc.is_in(pc.utf8_lower(held), _words("true", "false", "t", "f"))) >= FITTING:
        return "boolean"
    plain, moments, _ = cells.times(held)
    return "timestamp" if _fits(pc.coalesce(plain, moments.cast(plain.type))) else "string"


def _fits(parsed: pa.Array) -> bool:
    return parsed.null_count <= (1 - FITTING) * len(parsed)


def _fitting(is_so: pa.Array) -> float:
    import pyarrow.compute as pc

    return pc.mean(is_so).as_py()


def _words(*words: str) -> pa.Array:
    import pyarrow as pa

    return pa.array(words)
