"""Text as values of an Arrow type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def parsed(text: pa.Array, kind: pa.DataType, pattern: str) -> pa.Array:
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
