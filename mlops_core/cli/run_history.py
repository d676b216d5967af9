"""The Dagster instance of a run on this machine: the same files that `make dev` shows, written ten times faster.

A run that executes in the calling process belongs to no code location, so the UI would show it under no job, and could
not re-execute it. Here it belongs to the code location that `workspace.yaml` names.

Dagster's SQLite event log opens a file, compiles its statements and closes the file again for every event, of which
each partition has two, so that a backfill waits longer for its history than for its tables. One process that writes a
handful of runs may keep its connections open and write the events of many partitions at once. A server that reads many
runs may not, so this storage is for `python -m my_mlops_stacks` alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.events import ASSET_EVENTS
from dagster._core.remote_origin import CodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.tags import CODE_LOCATION_TAG
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._serdes import ConfigurableClassData
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from mlops_core.adapters.plain_paths import plain_path
from mlops_core.project import Project

BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE", "1000"
"""Dagster's own setting: the batch size for events of a step's partitions."""


class OpenConnectionsEventLogStorage(SqliteEventLogStorage):
    """Dagster's own SQLite event log with one open connection for each of its files."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> OpenConnectionsEventLogStorage:
        return cls(inst_data=inst_data, **config_value)  # the base class names itself here, not its subclass

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {}

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._engines:
                engine = _engine(self.conn_string_for_shard(shard))
                self._initdb(engine)
                self._engines[shard] = engine
            with self._engines[shard].begin() as connection:
                yield connection

    def _store_asset_check_evaluation_planned(self, event: dg.EventLogEntry, event_id: int | None) -> None:
        """Store that a check is planned for each partition, row by row of one prepared statement.

        Dagster compiles one statement of all rows, of which SQLite takes no more than eleven years of days.
        """
        planned: Any = event.dagster_event and event.dagster_event.event_specific_data
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": dg.serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),
            "evaluation_event_storage_id": event_id,
        }
        keys = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        with self.index_connection() as index:
            index.execute(AssetCheckExecutionsTable.insert(), [row | {"partition": key} for key in keys])

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run; those of assets in one transaction of each of the two files that tell of them.

        First in the file that other processes write too: when it can't be, Dagster finds nothing written and goes on
        with one event after the other.
        """
        of_assets = [entry for entry in events if entry.dagster_event_type in ASSET_EVENTS]
        for entry in events:
            if entry.dagster_event_type not in ASSET_EVENTS:
                self.store_event(entry)
        rows, insert = [self._event_to_row(entry) for entry in of_assets], SqlEventLogStorageTable.insert()
        if not rows:
            return
        with self.index_transaction() as index:
            with_id = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
            ids = list(index.execute(with_id, rows).scalars())
            self._store_asset_event_tags(index, of_assets, ids)
            newest = {row["asset_key"]: place for place, row in enumerate(rows)}
            for place in newest.values():
                self._store_asset_event(index, of_assets[place], ids[place])
        with self.run_connection(of_assets[0].run_id) as run:
            run.execute(insert, rows)


def _engine(url: str) -> Engine:
    engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 30})

    @event.listens_for(engine, "connect")
    def without_waiting_for_the_disk(connection: object, _: object) -> None:
        # A power cut could cost the history of these runs, nothing else: tables and models are written elsewhere.
        connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]

    return engine


class CodeLocationRunStorage(SqliteRunStorage):
    """Dagster's own SQLite runs; one that is added without a code location is added as that of `location_name`.

    Where the workspace has no such code location, as when the project is a part of another one, it stays without.
    """

    workspace: Path
    location_name: str

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> CodeLocationRunStorage:
        storage = cls.from_local(config_value["base_dir"], inst_data=inst_data)  # as above
        storage.workspace, storage.location_name = Path(config_value["workspace"]), config_value["location"]
        return storage

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": dg.StringSource, "workspace": dg.StringSource, "location": dg.StringSource}

    def add_run(self, dagster_run: dg.DagsterRun) -> dg.DagsterRun:
        location = self._location
        if dagster_run.remote_job_origin is None and location is not None:
            job = RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(dagster_run.job_name)
            tags = {**dagster_run.tags, CODE_LOCATION_TAG: location.location_name}
            dagster_run = dagster_run.with_job_origin(job).with_tags(tags)
        return super().add_run(dagster_run)

    @cached_property
    def _location(self) -> CodeLocationOrigin | None:
        origins = WorkspaceFileTarget([str(self.workspace)]).create_origins()
        return next((origin for origin in origins if origin.location_name == self.location_name), None)


def local_instance(home: Path, project: Project) -> dg.DagsterInstance:
    """The instance whose files are in `home`, for this process to write runs of `project` to.

    Its SQLite files get their tables one after the other: of several processes at once, one makes them.
    """
    home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(*BATCH_SIZE)
    home = plain_path(home)  # the URL of an SQLite file ends at a question mark
    history = home / "history"
    location = {"workspace": str(project.root / "workspace.yaml"), "location": project.package}
    storages = {
        "event_log_storage": _storage(OpenConnectionsEventLogStorage, history / "runs"),
        "run_storage": _storage(CodeLocationRunStorage, history, **location),
    }
    with FileLock(home / "storage.lock"):
        return dg.DagsterInstance.local_temp(str(home), overrides=storages)


def _storage(storage: type, folder: Path, **config: str) -> dict[str, Any]:
    return {"module": __name__, "class": storage.__name__, "config": {"base_dir": str(folder), **config}}
