"""Rows of events from the columns of a file.

A value that does not fit its column does not become a plain null, which would mean that it is not known yet:
`SOURCE_PROBLEM` of the row says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from mlops_core.adapters.sources import cells, csv_formats
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.column_types import landed_schema
from mlops_core.adapters.sources.data_files import DataFile
from mlops_core.adapters.sources.header import plain
from mlops_core.project import EventTable

if TYPE_CHECKING:
    import pyarrow as pa


def rows_of(columns: Mapping[str, pa.Array], clock: FileClock) -> pa.RecordBatch:
    """Rows from the columns of a file: text, bytes of text, or types that `type_problem` accepts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema, values, problems = landed_schema(clock.times.events), [], []
    for name, kind in clock.times.events.source_types.items():
        given = cells.present(columns[name], kind)
        if (written := clock.times.events.csv_formats.get(name)) and pa.types.is_string(given.type):
            given = csv_formats.normalized(given, written)
        value = _read(given, name, kind, clock).cast(schema.field(name).type, safe=False)
        values.append(value)
        if value.null_count != given.null_count:
            is_lost = pc.and_(pc.is_valid(given), pc.is_null(value))
            problems.append(pc.if_else(is_lost, f"; unparsable {name}", ""))
    return pa.record_batch([*values, _joined(problems, len(values[0]))], schema=schema)


def times_of(column: pa.Array, name: str, clock: FileClock) -> pa.Array:
    """Times of a column as the wall clock of the events, null where it has none."""
    return _read(cells.present(column, "timestamp"), name, "timestamp", clock)


def malformed(events: EventTable, count: int, reason: str) -> pa.RecordBatch:
    """Rows of which nothing can be said but why."""
    import pyarrow as pa

    schema = landed_schema(events)
    nulls = [pa.nulls(count, kind) for kind in schema.types[:-1]]
    return pa.record_batch([*nulls, pa.repeat(f"malformed: {reason}", count)], schema=schema)


def constants_of(events: EventTable, file: DataFile, held: Collection[str], count: int) -> dict[str, pa.Array]:
    """As text, the declared columns that the file does not hold itself, for `count` rows."""
    import pyarrow as pa

    stated = dict(file.constants)
    lacking = [name for name in events.source_types if name not in held and plain(name) in stated]
    return {name: pa.repeat(pa.scalar(stated[plain(name)], pa.string()), count) for name in lacking}


def _read(given: pa.Array, name: str, kind: str, clock: FileClock) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(given.type):
        return given
    is_text = pa.types.is_string(given.type)
    if kind != "timestamp":
        return (cells.PARSED if is_text else cells.CAST)[kind](given)
    if not is_text:
        return clock.wall_clock(cells.microseconds(given), name, given.type.tz)
    plain_times, moments, label = cells.times(given)
    return pc.coalesce(clock.wall_clock(plain_times, name, None), clock.wall_clock(moments, name, label))


def _joined(problems: list[pa.Array], count: int) -> pa.Array:
    """What each of `count` rows has of the texts of `problems`, which start with '; '; null for a row without any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not problems:
        return pa.nulls(count, pa.string())
    joined = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*problems, ""), len("; "))
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
