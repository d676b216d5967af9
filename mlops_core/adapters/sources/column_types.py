"""Which types of a parquet file hold the values of a declared column, and as what it is landed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.project import EventTable

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = ("int", "bigint", "float", "double")
_WORDS = {"string": "text", "boolean": "a boolean", "date": "a date", "timestamp": "a timestamp"}


def landed_schema(events: EventTable) -> pa.Schema:
    """The columns of a landed file: the declared ones, and why a row cannot be taken."""
    import pyarrow as pa

    from mlops_core.ingestion.arrow_types import ARROW_TYPES

    fields = [(name, ARROW_TYPES[kind]) for name, kind in events.source_types.items()]
    return pa.schema([*fields, (SOURCE_PROBLEM, pa.string())])


def type_problem(kind: str, found: pa.DataType) -> str | None:
    """What to say of a parquet column whose type does not hold values of `kind`; None if it does."""
    import pyarrow as pa

    found = found.value_type if pa.types.is_dictionary(found) else found
    if pa.types.is_null(found) or _holds(kind, found):
        return None
    return f"is of the type {found}: write it as {_WORDS.get(kind, 'a number')}"


def is_text(found: pa.DataType) -> bool:
    from pyarrow import types

    return types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)


def _holds(kind: str, found: pa.DataType) -> bool:
    from pyarrow import types

    if kind in NUMBERS:
        return types.is_integer(found) or types.is_floating(found) or types.is_decimal(found)
    if kind == "timestamp":
        return types.is_timestamp(found)
    if kind == "date":  # pandas has no other dates than times of midnight
        return types.is_date(found) or (types.is_timestamp(found) and found.tz is None)
    return types.is_boolean(found) if kind == "boolean" else is_text(found)
