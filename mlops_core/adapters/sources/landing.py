"""Data files as files that Spark reads: parquet with exactly the declared columns, in a folder of the state.

A *snapshot* is a folder with one landed file for each data file. It is named after all of them, is whole when it
exists and never changes: a run reads what was there when it began, whatever is delivered meanwhile. Files that have not
changed are linked from an older snapshot, and snapshots that nobody has used for a day are removed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING
from uuid import uuid4

from mlops_core.adapters.sources.bounds import AT_ONCE
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.column_types import landed_schema
from mlops_core.adapters.sources.csv_file import csv_batches
from mlops_core.adapters.sources.data_files import CSV, DataFile
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.parquet_file import BATCH_ROWS, parquet_batches
from mlops_core.ingestion.times import EventTimes

if TYPE_CHECKING:
    import pyarrow as pa

LANDING_VERSION = 3
"""Version of the landing; raised whenever the same file would be landed as different rows."""

_UNUSED_SECONDS = 24 * 60 * 60
_ZONED, _PLAIN, _NO_TIMES = "zoned", "plain", "none"


@dataclass(frozen=True)
class Landing:
    """Lands files in `folder`, their times read as `times` says."""

    folder: Path
    times: EventTimes

    def snapshot(self, files: Sequence[DataFile]) -> Path:
        """The folder with the landed files of `files`, which are landed now unless they were before.

        Raises:
            UnreadableEventsError: a file can't be taken, changes while it is read, or has times unlike the others'.
        """
        prints = {self._fingerprint(file): file for file in files}
        snapshot = self.folder / sha256("".join(sorted(prints)).encode()).hexdigest()[:32]
        if not snapshot.is_dir():
            self._make(snapshot, prints)
        snapshot.touch()
        self._remove_unused()
        return snapshot

    def _fingerprint(self, file: DataFile) -> str:
        events = self.times.events
        declared = (self.times.declared, events.time_zone, dict(events.source_types), dict(events.csv_formats))
        said = (LANDING_VERSION, declared, file, file_state(file.path))
        return sha256(repr(said).encode()).hexdigest()[:32]

    def _make(self, snapshot: Path, prints: Mapping[str, DataFile]) -> None:
        """In a temporary folder, which is renamed when all files are complete."""
        held = {landed.name.partition("-")[0]: landed for landed in self.folder.glob("[!.]*/*.parquet")}
        unfinished = self.folder / f".{uuid4().hex}"
        unfinished.mkdir(parents=True)
        try:
            labels: dict[str, DataFile] = {}
            for fingerprint, file in prints.items():
                landed = _linked(held.get(fingerprint), unfinished) or _land(file, unfinished, fingerprint, self.times)
                labels.setdefault(landed.stem.partition("-")[2], file)
            self._refuse_mixture(labels)
            _publish(unfinished, snapshot)
        finally:
            rmtree(unfinished, ignore_errors=True)

    def _refuse_mixture(self, labels: Mapping[str, DataFile]) -> None:
        if _ZONED in labels and _PLAIN in labels:
            raise UnreadableEventsError(
                f"Times of {labels[_ZONED].path} have a zone and those of {labels[_PLAIN].path} have none: write all "
                f"files one way, or run each kind with its own {self.times.events.times_variable}."
            )

    def _remove_unused(self) -> None:
        for folder in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another run has published or removed it
                if folder.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                    rmtree(folder, ignore_errors=True)


def file_state(path: Path) -> tuple[int, int, int]:
    """A fingerprint that changes whenever the file does, even if its size and time are restored."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _linked(landed: Path | None, folder: Path) -> Path | None:
    """The same file in another folder; None if there is none, or the file system has no links."""
    if landed is None:
        return None
    link = folder / landed.name
    try:
        link.hardlink_to(landed)
    except OSError:
        return None
    return link


def _land(file: DataFile, folder: Path, fingerprint: str, times: EventTimes) -> Path:
    import pyarrow.parquet as pq

    clock, schema, before = FileClock(times, file.path), landed_schema(times.events), file_state(file.path)
    unnamed = folder / fingerprint
    batches = csv_batches(file, clock) if file.kind == CSV else parquet_batches(file, clock)
    with pq.ParquetWriter(unnamed, schema) as writer:
        for table in _row_groups(batches, schema):
            writer.write_table(table)
    if file_state(file.path) != before:
        raise UnreadableEventsError(f"{file.path} was changed while it was read: run again when it is delivered whole.")
    label = _NO_TIMES if not clock.labels else _ZONED if True in clock.labels else _PLAIN
    return unnamed.rename(folder / f"{fingerprint}-{label}.parquet")


def _row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of at least `BATCH_ROWS` or `AT_ONCE` bytes, but for the last one."""
    import pyarrow as pa

    gathered: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        gathered.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= BATCH_ROWS or size >= AT_ONCE:
            yield pa.Table.from_batches(gathered)
            gathered, rows, size = [], 0, 0
    yield pa.Table.from_batches(gathered, schema)


def _publish(unfinished: Path, snapshot: Path) -> None:
    try:
        unfinished.rename(snapshot)
    except OSError:
        if not snapshot.is_dir():  # else another run has just made the same one
            raise
