"""Metadata of local feature tables: one small JSON file per table.

The files lie in `_feature_tables` beside the Delta folders, so that every process of the machine sees the same keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mlops_core.adapters.feature_store.column_types import check_types
from mlops_core.adapters.feature_store.moments import moments_of
from mlops_core.adapters.feature_store.names import check_columns
from mlops_core.outside_json import NotOfThisKindError, of_kind
from mlops_core.project.feature_lookup import as_tuple

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

FOLDER = "_feature_tables"
ENTITY_KEYS = "entity_keys"
ENTITY_KEYS_IN_FILE = "primary_keys"  # without the time-series column: so the files of older tables read


class DamagedDescriptionError(ValueError):
    """The file with a feature table's description has none."""


@dataclass(frozen=True)
class LocalFeatureTable:
    """A feature table's description; `entity_keys` are without the time-series column, `features` are all columns."""

    name: str
    entity_keys: tuple[str, ...]
    timestamp_keys: tuple[str, ...] = ()
    partition_columns: tuple[str, ...] = ()
    description: str | None = None
    tags: Mapping[str, str] | None = None
    features: tuple[str, ...] = ()

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """The columns that identify a row; the time-series column is the last."""
        return self.entity_keys + self.timestamp_keys


@dataclass(frozen=True)
class FeatureTableRegistry:
    """The descriptions below one schema's folder. A write is atomic: readers see the old file or the new one."""

    schema_folder: Path

    def get(self, name: str) -> LocalFeatureTable | None:
        """The description of a table without its columns, None when it was never recorded.

        Raises:
            DamagedDescriptionError: somebody has changed the file.
        """
        file = self._file(name)
        if not file.exists():
            return None
        try:
            record = of_kind(dict[str, Any], file.read_bytes())
            record[ENTITY_KEYS] = record.pop(ENTITY_KEYS_IN_FILE, None)
            return of_kind(LocalFeatureTable, json.dumps(record))
        except NotOfThisKindError as error:
            raise DamagedDescriptionError(
                f"{file} does not describe a feature table ({error}): remove it and materialize '{name}' again, all "
                "its partitions."
            ) from None

    def put(self, name: str, table: LocalFeatureTable) -> None:
        """Record a description. The columns stay out: the Delta table is the one place that knows them."""
        record = asdict(table)
        del record["features"]
        record[ENTITY_KEYS_IN_FILE] = record.pop(ENTITY_KEYS)
        file = self._file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{uuid4().hex}")
        draft.write_text(json.dumps(record, indent=2))
        draft.replace(file)

    def remove(self, name: str) -> None:
        """Forget a description; one that is not there is no error."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.schema_folder / FOLDER / f"{name}.json"


def describe(
    name: str,
    primary_keys: str | Sequence[str],
    timeseries_column: str | None,
    partition_columns: str | Sequence[str] | None,
    schema: StructType,
) -> LocalFeatureTable:
    """Check the keys of a table about to be created against its columns.

    Raises:
        ValueError: A column or a key that is there twice or has a reserved name, a key that is no column, a time-series
            column that is no key, or the only one, or that holds no time; a type that no feature table has.
    """
    columns = schema.names
    check_columns(columns)
    check_types(name, schema)
    keys, partitions = as_tuple(primary_keys), as_tuple(partition_columns)
    if len(set(keys)) < len(keys):
        raise ValueError(f"Feature table '{name}': primary_keys {list(keys)} names a column twice.")
    if timeseries_column is not None and timeseries_column not in keys:
        raise ValueError(
            f"Feature table '{name}': the time-series column '{timeseries_column}' must be among primary_keys "
            f"{list(keys)}."
        )
    missing = [column for column in (*keys, *partitions) if column not in columns]
    if missing:
        raise ValueError(f"Feature table '{name}': {missing} are keys or partition columns but no columns.")
    if timeseries_column is not None:
        moments_of(timeseries_column, schema[timeseries_column].dataType)
    entity = tuple(key for key in keys if key != timeseries_column)
    if not entity:
        raise ValueError(f"Feature table '{name}': primary_keys needs a column beside the time-series column.")
    return replace(
        LocalFeatureTable(name, entity), timestamp_keys=as_tuple(timeseries_column), partition_columns=partitions
    )
