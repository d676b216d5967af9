"""The data files of a Delta table, as its log has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mlops_core.adapters.sources.data_files import PARQUET, DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.header import plain
from mlops_core.project import EventTable

if TYPE_CHECKING:
    from deltalake import DeltaTable

_LOG, _PARTITION = "_delta_log", "partition."


def is_delta(path: Path) -> bool:
    return (path / _LOG).is_dir()


def delta_files(events: EventTable, table: Path) -> list[DataFile]:
    """The files of the table's newest version, whose partition columns and columns added later are constants.

    Raises:
        UnreadableEventsError: the log is damaged, files are missing or are not those that it names, or it asks for
            what only newer readers do.
    """
    with opened_table(table) as opened:
        _refuse_features(table, opened)
        columns = {plain(field.name) for field in opened.schema().fields}.intersection(map(plain, events.source_types))
        actions = _actions(opened)
    if not actions:
        raise UnreadableEventsError(f"The Delta table {table} has no rows: its newest version has no data file.")
    return [
        DataFile(_present(table, action["path"], action["size_bytes"]), PARQUET, _constants(columns, action))
        for action in actions
    ]


def _constants(columns: Collection[str], action: Mapping[str, object]) -> tuple[tuple[str, str | None], ...]:
    """Null for columns that the table has and an old file may lack; as text, what the file is the partition of."""
    partition = {
        name.removeprefix(_PARTITION).lower(): value for name, value in action.items() if name.startswith(_PARTITION)
    }
    values = dict.fromkeys(columns) | partition
    return tuple((name, None if value is None else str(value)) for name, value in sorted(values.items()))


@contextmanager
def opened_table(table: Path) -> Iterator[DeltaTable]:
    """The table of that folder, through links: deltalake does not find its log in a folder named [a] or %20.

    Raises:
        UnreadableEventsError: its log cannot be followed, here or by what is done with the table.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    empty = next((commit for commit in sorted((table / _LOG).glob("*.json")) if not commit.stat().st_size), None)
    if empty:
        raise UnreadableEventsError(_damaged(table, f"{empty.name} is empty"))
    with TemporaryDirectory() as folder:
        for inner in table.iterdir():
            (Path(folder) / inner.name).symlink_to(inner)
        try:
            yield DeltaTable(folder)
        except DeltaError as error:
            cause = str(error).replace(folder, str(table)).partition("\n")[0]
            raise UnreadableEventsError(_damaged(table, cause[:200])) from error


def _damaged(table: Path, cause: str) -> str:
    return (
        f"The log of the Delta table {table} is damaged or incomplete, or asks for features that are not read here "
        f"({cause}): copy the whole table again, or write a copy of its rows (CREATE TABLE ... AS SELECT)."
    )


def _refuse_features(table: Path, opened: DeltaTable) -> None:
    features = opened.protocol().reader_features or []
    if opened.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        raise UnreadableEventsError(
            f"The Delta table {table} maps its columns to other names in its files: write a copy of it without column "
            f"mapping (CREATE TABLE ... AS SELECT)."
        )
    if "deletionVectors" in features and any(batch.num_rows for batch in opened.deletion_vectors()):
        raise UnreadableEventsError(
            f"The Delta table {table} marks rows as deleted (deletion vectors): rewrite its files with "
            f"REORG TABLE ... APPLY (PURGE)."
        )


def _actions(opened: DeltaTable) -> list[dict[str, Any]]:
    import pyarrow as pa

    return pa.table(opened.get_add_actions(flatten=True)).to_pylist()


def _present(table: Path, written: str, size: int) -> Path:
    """The file that the log writes as `written`, an address relative to the table or, of a shallow clone, absolute."""
    file = table / unquote(written.removeprefix("file://"))
    if not file.is_file():
        raise UnreadableEventsError(
            f"The Delta table {table} lacks its data file {file}: copy the whole table again, or restore that file."
        )
    if file.stat().st_size != size:
        raise UnreadableEventsError(
            f"The data file {file} of the Delta table {table} has {file.stat().st_size:,} bytes where its log says "
            f"{size:,}: copy the whole table again."
        )
    return file
