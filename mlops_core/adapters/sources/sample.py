"""Rows to look at of files of which nothing is declared yet: what a run would read of them, spread over all of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_core.adapters.sources import cells
from mlops_core.adapters.sources.bounds import MIB, SAMPLED
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.csv_dialect import opened, written_names
from mlops_core.adapters.sources.csv_file import csv_batches
from mlops_core.adapters.sources.csv_formats import normalized
from mlops_core.adapters.sources.data_files import CSV, DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.file_source import files_at
from mlops_core.adapters.sources.given_path import GivenPath
from mlops_core.adapters.sources.header import plain as plain_name
from mlops_core.adapters.sources.inferred_formats import Reading, readings
from mlops_core.adapters.sources.inferred_types import type_of_column
from mlops_core.adapters.sources.parquet_file import parquet_batches
from mlops_core.adapters.sources.values import rows_of
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.times import WALL_CLOCK, EventTimes
from mlops_core.project import Column, EventTable
from mlops_core.project.checks import REASON
from mlops_core.project.columns import ColumnType, CsvFormat
from mlops_core.project.events import DAY
from mlops_core.project.names import require_columns

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS = 50_000
READ_ROWS = 2_000_000
"""Of more rows only some files and row groups are read, evenly spread."""
_SCHEMAS = 20
_ZIPPED = 6
_BLOCK = 1 << 18
_NO_TIME = "no_time_is_known_yet"


@dataclass(frozen=True)
class SampledRows:
    """Rows of a source.

    Args:
        table: The rows, with `SOURCE_PROBLEM`.
        types: Column -> its type; those of `unusable` are not among them.
        total: Rows of the source, about where not all were read.
        unusable: Column -> why no project can have it.
        times: How its times are to be read, as `EventTimes` has it.
        readings: Column of CSV whose format is its own, or is not known -> how it is read.
    """

    table: pa.Table
    types: Mapping[str, ColumnType]
    total: int
    is_all: bool
    unusable: Mapping[str, str]
    times: str
    readings: Mapping[str, Reading] = field(default_factory=dict)


class UndeclaredEvents(EventTable):
    """Columns of which nothing but a type is known, for a reader; its errors name the arguments of a command."""

    @property
    def path_variable(self) -> str:
        return "--rows"

    @property
    def times_variable(self) -> str:
        return "--time-zone"


def undeclared(
    types: Mapping[str, ColumnType], zone: str, formats: Mapping[str, CsvFormat] | None = None
) -> EventTable:
    """Events of these columns, and of a time that no source has: a reader takes it for a constant of the file."""
    written = formats or {}
    columns = [
        Column(name, kind, "A column", nullable=True, csv_format=written.get(name, "")) for name, kind in types.items()
    ]
    return UndeclaredEvents(
        "rows",
        columns=(*columns, Column(_NO_TIME, "timestamp", "Nobody has said yet which column it is")),
        event_time=_NO_TIME,
        known_at=_NO_TIME,
        identity=(_NO_TIME,),
        time_zone=zone,
        longest=timedelta(days=1),
        noun="row",
    )


def sample_of_files(
    given: str,
    zone: str,
    without: Collection[str] = (),
    formats: Mapping[str, CsvFormat] | None = None,
    most: int = SAMPLE_ROWS,
) -> SampledRows:
    """Up to `most` rows of what a person wrote as the path: all of them when there are not more.

    Args:
        zone: Of wall clocks without a zone.
        without: Columns that are not read.
        formats: Column -> the format that CSV has it in, where a person knows it; empty for one that stays text.

    Raises:
        NoEventsError: nothing is at the path, or no data file.
        UnreadableEventsError: what is there cannot be taken as it stands.
        NameRefusedError: a column is called as none can be.
    """
    place = GivenPath(given, "--rows")
    files = files_at(undeclared({}, zone), place)
    found = _written(files)
    found = {name: kind for name, kind in found.items() if name not in without}
    types, unusable = _usable(found, given)
    files = files_at(undeclared(types, zone), place)
    texts = [name for name in types if found[name] is None]
    total, is_all, batches = _spread(files, EventTimes(undeclared(types, zone), _declared(found, zone)), most)
    table = _gathered(batches, types, given)
    read = readings({name: _joined(table, name) for name in texts}, formats or {})
    declared = _declared(found, zone)
    if texts:
        types = types | {name: each.type for name, each in read.items()}
        written = {name: each.csv_format for name, each in read.items()}
        timed = [name for name in texts if types[name] == "timestamp"]
        declared = _declared(found, zone, [normalized(_joined(table, name), written[name]) for name in timed])
        times = EventTimes(undeclared(types, zone, written), declared)
        table = typed(table, FileClock(times, files[0].path))
    read = {name: each for name, each in read.items() if each.reason}
    return SampledRows(table, types, len(table) if is_all else total, is_all, unusable, declared, read)


def typed(table: pa.Table, clock: FileClock) -> pa.Table:
    """The rows, whose columns may be text, as a run would read these texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: _joined(table, name) for name in table.column_names if name != SOURCE_PROBLEM}
    read = rows_of(columns | {_NO_TIME: pa.nulls(len(table), pa.string())}, clock)
    problems = _joined(table, SOURCE_PROBLEM), read.column(SOURCE_PROBLEM)
    found = pc.coalesce(*problems)
    made = pa.table({name: read.column(name) for name in columns} | {SOURCE_PROBLEM: found})
    lost = pc.sum(pc.is_valid(found)).as_py() or 0
    if lost and lost == len(table):
        raise UnreadableEventsError(f"No row of {clock.file} can be read: {found[0].as_py()}, and so on.")
    return made


def _written(files: Sequence[DataFile]) -> dict[str, pa.DataType | None]:
    """Column -> its Arrow type, None of text to be parsed; of the newest of several files with other types."""
    found: dict[str, pa.DataType | None] = {}
    for file in files[:: max(1, len(files) // _SCHEMAS)]:
        held = {name.strip(): None for name in written_names(file)} if file.kind == CSV else _schema(file)
        _refuse_twins(file, held)
        spelled = {plain_name(name): name for name in found}  # a later file's other spelling is the same column
        for name, kind in held.items():
            known = spelled.setdefault(plain_name(name), name)
            if known not in found or not _is_null(kind):
                found[known] = kind
        found |= {name: None for name, _ in file.constants if name not in spelled}
    return found


def _refuse_twins(file: DataFile, names: Collection[str]) -> None:
    require_columns(
        [name for name in names if [plain_name(each) for each in names].count(plain_name(name)) > 1], str(file.path)
    )


def _schema(file: DataFile) -> dict[str, pa.DataType]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path) as read:
            names = read.schema_arrow.names
            require_columns([name for name in names if names.count(name) > 1], str(file.path))
            return dict(zip(names, read.schema_arrow.types, strict=True))
    except (pa.ArrowException, OSError) as error:
        raise UnreadableEventsError(
            f"{file.path} cannot be read as parquet ({str(error).partition(chr(10))[0][:200]}): replace it by a whole "
            "file that this user may read."
        ) from error


def _is_null(kind: pa.DataType | None) -> bool:
    from pyarrow import types

    return kind is not None and types.is_null(kind)


def _usable(found: Mapping[str, pa.DataType | None], given: str) -> tuple[dict[str, ColumnType], dict[str, str]]:
    """The types of the columns that a project can have, and why it can't have the others.

    Raises:
        NameRefusedError: a column is called as none can be.
    """
    types: dict[str, ColumnType] = {}
    unusable: dict[str, str] = {}
    for name, kind in found.items():
        held = "string" if kind is None else type_of_column(kind)
        if name.lower() in (DAY, REASON):
            unusable[name] = "the pipeline has a column of that name: rename it at the source to use it"
        elif held:
            types[name] = held
        else:
            unusable[name] = "it has no value" if _is_null(kind) else f"it holds {kind}, which is no single value"
    require_columns(types, f"The columns of {given}")
    return types, unusable


def _declared(found: Mapping[str, pa.DataType | None], zone: str, times: Sequence[pa.Array] = ()) -> str:
    """How times have to be read: those with a zone are moments, the others the wall clock of `zone`."""
    from pyarrow import types as of

    zoned = any(kind is not None and of.is_timestamp(kind) and kind.tz is not None for kind in found.values())
    zoned = zoned or any(cells.times(text)[2] for text in times)
    return "UTC" if zoned or zone == "UTC" else WALL_CLOCK


def _spread(files: Sequence[DataFile], times: EventTimes, most: int) -> tuple[int, bool, Iterator[pa.RecordBatch]]:
    """Rows of the source, whether all are read, and the rows to look at."""
    parts = [part for file in files for part in _parts(file)]
    total = sum(rows for _, _, rows in parts)
    chosen = parts[:: max(1, math.ceil(total / READ_ROWS))]
    read = sum(rows for _, _, rows in chosen)
    is_all = read <= most
    return total, is_all, _thinned(chosen, times, 1.0 if is_all else most / read)


def _parts(file: DataFile) -> list[tuple[DataFile, int | None, int]]:
    """What can be read alone: file, row group of it, and rows."""
    import pyarrow.parquet as pq

    if file.kind == CSV:
        return [(file, None, _estimated(file))]
    with pq.ParquetFile(file.path) as read:
        groups = range(read.metadata.num_row_groups)
        return [(file, group, read.metadata.row_group(group).num_rows) for group in groups]


def _estimated(file: DataFile) -> int:
    with opened(file) as stream:
        block = stream.read(_BLOCK)
    if len(block) < _BLOCK:
        return block.count(b"\n")
    size = file.path.stat().st_size * (_ZIPPED if file.path.name.lower().endswith(".gz") else 1)
    return math.ceil(block.count(b"\n") * max(size / len(block), 1))


def _thinned(
    parts: Sequence[tuple[DataFile, int | None, int]], times: EventTimes, share: float
) -> Iterator[pa.RecordBatch]:
    """A share of the rows by chance, for every n-th would be the same hour of each day."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(0)
    groups: dict[DataFile, list[int]] = {}
    for file, group, _ in parts:
        groups.setdefault(file, []).extend([] if group is None else [group])
    for file, chosen in groups.items():
        clock, untimed = FileClock(times, file.path), replace(file, constants=(*file.constants, (_NO_TIME, None)))
        batches = csv_batches(untimed, clock) if file.kind == CSV else parquet_batches(untimed, clock, chosen)
        for batch in batches:
            yield batch if share >= 1 else batch.filter(pa.array(random.random(batch.num_rows) < share))


def _gathered(batches: Iterator[pa.RecordBatch], types: Mapping[str, ColumnType], given: str) -> pa.Table:
    import pyarrow as pa

    read, size = [], 0
    for batch in batches:
        read.append(batch)
        size += batch.nbytes
        if size > SAMPLED:
            raise UnreadableEventsError(
                f"The rows of {given} take more than {SAMPLED // MIB:,} MiB: leave columns with long texts out "
                "(--without)."
            )
    if not read:
        raise UnreadableEventsError(f"{given} has no row: give it a source that has some.")
    return pa.Table.from_batches(read).select([*types, SOURCE_PROBLEM]).combine_chunks()


def _joined(table: pa.Table, name: str) -> pa.Array:
    import pyarrow as pa

    chunks = table.column(name).chunks
    return pa.concat_arrays(chunks) if chunks else pa.nulls(0, table.column(name).type)
