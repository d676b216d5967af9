"""The version of a table of Unity Catalog, by the catalog's metadata: one call of the host, and no compute.

The catalog tells a version in two places: in the properties that Delta keeps there, which writers bring up to date
after a commit, and of tables whose commits the catalog itself keeps, in the runtime properties that
include_delta_metadata asks for. Versions of one table only grow, so the greatest is the newest that is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.config import WorkspaceAddress
from mlops_core.ingestion.arrivals import SourceState, identity_of
from mlops_core.ingestion.times import EventTimes
from mlops_core.outside_json import NotOfThisKindError, of_kind

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import TableInfo

VERSION, COMMITTED = "delta.lastUpdateVersion", "delta.lastCommitTimestamp"
COMMIT = "commitAttributes"
"""A runtime property: JSON with the version that the catalog has committed."""
BY_THE_CATALOG = ("delta.feature.catalogManaged", "delta.feature.catalogOwned")
"""Features of a table, the latter by its first name."""
PATIENCE = 15
"""Seconds: a sensor has a minute, and looks again soon."""
BY_THE_CLOCK = "let start be schedule"


@dataclass(frozen=True)
class WatchedTable:
    """A table, given as catalog.schema.table."""

    workspace: WorkspaceAddress | None
    table: str
    times: EventTimes

    def state(self) -> SourceState:
        """The newest version that the catalog knows.

        Raises:
            SourceNotWatchableError: there is no such table, it is hidden, or it is none with versions.
            SourceUnansweredError: nobody answers as Databricks does.
        """
        from databricks.sdk.errors import NotFound, PermissionDenied

        from mlops_core.adapters.step_launcher.call_errors import call_errors, is_refused_sign_in, is_transient

        try:
            return self._state(self._found())
        except NotFound as error:
            raise SourceNotWatchableError(
                f"There is no table {self.table}: it was dropped or renamed, or this identity may not see it; correct "
                f"{self.times.events.variable('table')} in databricks.yml, or bring the table back."
            ) from error
        except PermissionDenied as error:
            raise SourceNotWatchableError(
                f"The table {self.table} may not be seen: grant USE CATALOG, USE SCHEMA and SELECT on it to the "
                "identity that Dagster runs as."
            ) from error
        except call_errors() as error:
            passes = is_transient(error) and not is_refused_sign_in(error)
            raise (SourceUnansweredError if passes else SourceNotWatchableError)(str(error)) from error

    def _found(self) -> TableInfo:
        from mlops_core.adapters.databricks_client import workspace_client

        client = workspace_client(self.workspace, retry_timeout_seconds=PATIENCE, http_timeout_seconds=PATIENCE)
        return client.tables.get(self.table, include_delta_metadata=True)

    def _state(self, found: TableInfo) -> SourceState:
        kind = found.table_type.value if found.table_type else ""
        if kind.endswith("VIEW") and not kind.startswith("MATERIALIZED"):
            raise SourceNotWatchableError(
                f"{self.table} is a view, which has no version: name the table that it reads as "
                f"{self.times.events.variable('table')} in databricks.yml, or {BY_THE_CLOCK}."
            )
        told = list(_told(found))
        if _keeps_commits(told[0]) and VERSION not in told[-1]:
            raise SourceNotWatchableError(
                f"The catalog keeps the commits of {self.table} itself, and tells no version of them: {BY_THE_CLOCK}."
            )
        versions = [int(properties[VERSION]) for properties in told if properties.get(VERSION, "").isdecimal()]
        if not versions:
            kept = found.data_source_format.value if found.data_source_format else "no known format"
            raise SourceNotWatchableError(
                f"The catalog knows no Delta version of {self.table} ({kind.lower()}, {kept}): {BY_THE_CLOCK}, or read "
                "a Delta table."
            )
        moments = [int(properties[COMMITTED]) for properties in told if properties.get(COMMITTED, "").isdecimal()]
        at = datetime.fromtimestamp(max(moments) / 1000, UTC).replace(tzinfo=None) if moments else None
        return SourceState(identity_of(self.times, str(found.table_id)), str(max(versions)), at)


def _told(found: TableInfo) -> Iterator[Mapping[str, str]]:
    """The properties that may say a version and its time, each place by itself; last what the catalog commits."""
    yield found.properties or {}
    runtime = found.delta_runtime_properties_kvpairs
    properties = (runtime.delta_runtime_properties if runtime else None) or {}
    yield properties
    with suppress(NotOfThisKindError):
        yield _committed(of_kind(dict[str, Any], properties.get(COMMIT) or "{}"))


def _committed(committed: Mapping[str, Any]) -> Mapping[str, str]:
    names = ((VERSION, "version"), (COMMITTED, "timestamp"))
    return {name: str(committed[key]) for name, key in names if key in committed}


def _keeps_commits(properties: Mapping[str, str]) -> bool:
    """Whether commits go through the catalog: then the properties of the table follow its metadata only."""
    return any(name.startswith(BY_THE_CATALOG) for name in properties)
