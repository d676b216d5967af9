"""What changed in files of this machine, by what their folder says of them, or by the log of a Delta table."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from errno import ENOENT
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_core.adapters.sources import source_path
from mlops_core.adapters.sources.clock import FileClock
from mlops_core.adapters.sources.data_files import data_files
from mlops_core.adapters.sources.delta_files import is_delta, opened_table
from mlops_core.adapters.sources.errors import SourceUnansweredError
from mlops_core.adapters.sources.given_path import GivenPath
from mlops_core.adapters.sources.header import plain
from mlops_core.adapters.sources.landing import file_state
from mlops_core.adapters.sources.values import times_of
from mlops_core.ingestion.arrivals import SourceState, identity_of
from mlops_core.ingestion.times import EventTimes

if TYPE_CHECKING:
    from deltalake import DeltaTable

logger = logging.getLogger(__name__)
_FEED = "delta.enableChangeDataFeed"


def state_at(times: EventTimes, given: GivenPath) -> SourceState:
    """The version of a Delta table; of files a fingerprint of all, which changes with each that is touched.

    Raises:
        FileNotFoundError, UnreadableEventsError: as `files_at` has them.
        SourceUnansweredError: a file is being replaced.
    """
    path = source_path.resolve(times.events, given)
    if is_delta(path):
        with opened_table(path) as table:
            return SourceState(identity_of(times, str(table.metadata().id)), str(table.version()), _committed(table))
    try:
        files = {file.path: file_state(file.path) for file in data_files(given.setting, path)}
    except OSError as error:
        if error.errno != ENOENT:
            raise
        raise SourceUnansweredError(f"{error.filename} was removed while {path} was looked at.") from error
    newest_write = max(changed for _, changed, _ in files.values())
    at = datetime.fromtimestamp(newest_write / 1e9, UTC).replace(tzinfo=None)
    return SourceState(identity_of(times), sha256(repr(sorted(files.items())).encode()).hexdigest()[:12], at)


def _committed(table: DeltaTable) -> datetime | None:
    """When the newest version was; None where its writer does not say so, or only a checkpoint of it is left."""
    newest = next(iter(table.history(1)), {}).get("timestamp")
    return None if newest is None else datetime.fromtimestamp(newest / 1000, UTC).replace(tzinfo=None)


def days_since(times: EventTimes, given: GivenPath, since: SourceState) -> frozenset[date] | None:
    """The days of the rows that a Delta table's change data feed has since a version; None where it has no answer.

    That is so where the feed is off, where its files are removed, and for another table than that of the version.
    """
    path = source_path.resolve(times.events, given)
    if not is_delta(path):
        return None
    try:
        with opened_table(path) as table:
            is_same = identity_of(times, str(table.metadata().id)) == since.identity
            if not is_same or table.metadata().configuration.get(_FEED) != "true":
                return None
            return _days_in_feed(times, path, table, int(since.version) + 1)
    except Exception:  # whatever the feed lacks: summaries of all days tell it too
        logger.info("The change data feed of %s is not read: all days are looked at", path, exc_info=True)
        return None


def _days_in_feed(times: EventTimes, path: Path, table: DeltaTable, first: int) -> frozenset[date] | None:
    """The days of all rows that were inserted, deleted, or changed, before and after, from a version on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if first > table.version():
        return frozenset() if first == table.version() + 1 else None
    time, clock = times.events.event_time, FileClock(times, path)
    (written,) = (field.name for field in table.schema().fields if plain(field.name) == plain(time))
    days: set[date] = set()
    for batch in pa.RecordBatchReader.from_stream(table.load_cdf(starting_version=first, columns=[written])):
        found = times_of(batch.column(0), time, clock)
        days |= set(pc.unique(found.drop_null().cast(pa.date32(), safe=False)).to_pylist())
    return frozenset(days)
