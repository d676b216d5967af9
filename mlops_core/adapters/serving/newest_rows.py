"""What an online store holds: the newest row of each key of a feature table, in memory.

A request is answered in milliseconds, so no engine is asked: Arrow finds the newest rows once for each version of the
table, and a dictionary finds a key among them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store.registry import (
    DamagedDescriptionError,
    FeatureTableRegistry,
    LocalFeatureTable,
)
from mlops_core.adapters.plain_paths import plain_path

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "__row"

logger = logging.getLogger(__name__)


class LookUpTableError(LookupError):
    """A feature table that a model looks up is gone, or is no feature table."""


@dataclass(frozen=True)
class NewestRows:
    """One row for each key; `positions` tells where it is. `keys` are the columns of a key."""

    keys: tuple[str, ...]
    rows: pa.Table
    positions: dict[tuple[Any, ...], int]

    def find(self, asked: Sequence[pa.Array]) -> pa.Table:
        """A row for each of the asked keys, a column for each part; all null for a key that is null or unknown."""
        import pyarrow as pa

        wanted = zip(*(part.to_pylist() for part in asked), strict=True)
        return self.rows.take(pa.array([self.positions.get(key) for key in wanted], pa.int64()))


def newest_rows(rows: pa.Table, keys: Sequence[str], time: str | None) -> NewestRows:
    """Of all rows of a feature table the newest of each key; rows without a time or a whole key belong to none.

    A table without time has one row for each key.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in (*keys, *([time] if time else ())):
        rows = rows.filter(pc.is_valid(rows[name]))
    if time:
        ordered = rows.sort_by(time).append_column(ROW, pa.array(range(rows.num_rows), pa.int64()))
        newest = ordered.select([*keys, ROW]).group_by(list(keys)).aggregate([(ROW, "max")])[f"{ROW}_max"]
        rows = ordered.drop_columns(ROW).take(newest)
    rows = rows.combine_chunks()
    parts = (rows[key].to_pylist() for key in keys)
    return NewestRows(tuple(keys), rows, {key: place for place, key in enumerate(zip(*parts, strict=True))})


class FeatureTableCache:
    """The newest rows of the feature tables below one schema's folder, as of their newest versions."""

    def __init__(self, schema_folder: Path) -> None:
        self.folder = schema_folder
        self._loaded: dict[str, tuple[int, NewestRows]] = {}
        self._told: dict[str, str] = {}
        self._loading = Lock()

    def get(self, name: str) -> NewestRows:
        """The newest rows of a table, which is read when it is asked for the first time.

        Raises:
            LookUpTableError: there is no such feature table.
        """
        if name not in self._loaded:
            with self._loading:
                self._loaded.setdefault(name, self._read(name))
        return self._loaded[name][1]

    def refresh(self) -> None:
        """Read the tables again that have changed; of one that can't be read the rows stay as they were."""
        for name, (seen, _) in list(self._loaded.items()):
            if self._commits(name) != seen:
                try:
                    self._loaded[name] = self._read(name)
                    self._told.pop(name, None)
                except LookUpTableError as error:
                    self._tell(name, str(error))

    def _tell(self, name: str, error: str) -> None:
        if error != self._told.get(name):
            logger.warning("Serving goes on with the last rows of it: %s", error)
        self._told[name] = error

    def _read(self, name: str) -> tuple[int, NewestRows]:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        table, commits = self._described(name), self._commits(name)
        try:
            rows = DeltaTable(str(plain_path(self.folder / table.name))).to_pyarrow_table()
        except (DeltaError, OSError, ValueError) as error:
            raise LookUpTableError(f"The feature table '{table.name}' can't be read: {error}") from error
        if gone := [key for key in table.primary_keys if key not in rows.column_names]:
            raise LookUpTableError(f"Feature table '{table.name}' no longer has its keys {gone}: materialize it again.")
        return commits, newest_rows(rows, table.entity_keys, next(iter(table.timestamp_keys), None))

    def _described(self, name: str) -> LocalFeatureTable:
        plain = name.removeprefix(f"{self.folder.name}.")
        try:
            table = FeatureTableRegistry(self.folder).get(plain)
        except DamagedDescriptionError as error:
            raise LookUpTableError(str(error)) from error
        if table is None:
            raise LookUpTableError(f"There is no feature table '{name}', which the model looks up: materialize it.")
        return table

    def _commits(self, name: str) -> int:
        """Changes with each commit, and looks at one folder only."""
        log = self.folder / name.removeprefix(f"{self.folder.name}.") / "_delta_log"
        try:
            return log.stat().st_mtime_ns
        except OSError:  # dropped
            return 0
