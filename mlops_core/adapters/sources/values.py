"""Rows of trips from the columns of a file.

A value that is there and cannot be one of its column does not become a plain null, which would mean that it is not
known yet: `SOURCE_PROBLEM` says it of the row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING

from mlops_core.adapters.sources import cells
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.ingestion.columns import RAW_COLUMNS, SOURCE_PROBLEM

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def landed_schema() -> pa.Schema:
    """The columns of a landed file: those of trips, and why a row cannot be taken."""
    import pyarrow as pa

    types = {"timestamp": pa.timestamp("us"), "double": pa.float64(), "int": pa.int32()}
    fields = [(name, types[kind]) for name, (kind, _) in RAW_COLUMNS.items()]
    return pa.schema([*fields, (SOURCE_PROBLEM, pa.string())])


def trips_of(columns: Mapping[str, pa.Array], clock: FileClock) -> pa.RecordBatch:
    """Trips from the columns of a file, by the names of trips: text, or types that `type_problem` accepts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values, problems = [], []
    for name, (kind, _) in RAW_COLUMNS.items():
        given = cells.present(columns[name], kind)
        value = _read(given, name, kind, clock)
        values.append(value)
        if value.null_count != given.null_count:
            is_lost = pc.and_(pc.is_valid(given), pc.is_null(value))
            problems.append(pc.if_else(is_lost, f"; unparsable {name}", ""))
    return pa.record_batch([*values, _joined(problems, len(values[0]))], schema=landed_schema())


def malformed(count: int, reason: str) -> pa.RecordBatch:
    """Rows of which nothing can be said but why."""
    import pyarrow as pa

    nulls = [pa.nulls(count, kind) for kind in landed_schema().types[:-1]]
    return pa.record_batch([*nulls, pa.repeat(f"malformed: {reason}", count)], schema=landed_schema())


def constants_of(file: DataFile, held: Collection[str], count: int) -> dict[str, pa.Array]:
    """As text, the columns of trips that the file does not hold itself, for `count` rows."""
    import pyarrow as pa

    constants = {name: value for name, value in file.constants if name in RAW_COLUMNS and name not in held}
    return {name: pa.repeat(pa.scalar(value, pa.string()), count) for name, value in constants.items()}


def type_problem(name: str, found: pa.DataType) -> str | None:
    """What to say of a parquet column of a type that does not hold such values; None if it does."""
    import pyarrow as pa

    found = found.value_type if pa.types.is_dictionary(found) else found
    is_number = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    is_time = RAW_COLUMNS[name][0] == "timestamp"
    if pa.types.is_null(found) or (pa.types.is_timestamp(found) if is_time else is_number):
        return None
    return f"is of the type {found}: write it as {'a timestamp' if is_time else 'a number'}"


def _read(given: pa.Array, name: str, kind: str, clock: FileClock) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_text = pa.types.is_string(given.type)
    if pa.types.is_null(given.type):
        return given.cast(landed_schema().field(name).type)
    if kind != "timestamp":
        return (cells.PARSED if is_text else cells.CAST)[kind](given)
    if not is_text:
        return clock.wall_clock(cells.microseconds(given), name, given.type.tz)
    plain, moments, label = cells.times(given)
    return pc.coalesce(clock.wall_clock(plain, name, None), clock.wall_clock(moments, name, label))


def _joined(problems: list[pa.Array], count: int) -> pa.Array:
    """What each of `count` rows has of the texts of `problems`, which start with '; '; null for a row without any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not problems:
        return pa.nulls(count, pa.string())
    joined = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*problems, ""), len("; "))
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
