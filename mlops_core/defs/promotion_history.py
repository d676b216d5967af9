"""The promotion history: the materializations of the asset `champion`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.defs.metadata import readable
from mlops_core.defs.names import key_of
from mlops_core.deployment.promotion import CHAMPION, PREVIOUS_CHAMPION, TRAINED_IN, UNKNOWN
from mlops_core.project import Project

PAGE = 10


@dataclass(frozen=True)
class Entry:
    """That `version` became champion in the Dagster run `run`; `rescore_from` is the first day to predict again.

    `at` is when it was written, in seconds since 1970.
    """

    version: int
    run: str
    at: float
    rescore_from: str | None
    is_rollback: bool = False


def newest_entry(project: Project, instance: dg.DagsterInstance, model: str) -> Entry | None:
    """The newest entry of `model`; None when there is none."""
    found = next(entries(project, instance, model), None)
    if found is None:
        return None
    record, told = found
    is_rollback = told.get("rollback", False)
    return Entry(int(told["version"]), record.run_id, record.timestamp, told.get("rescore_from"), is_rollback)


def entries(
    project: Project, instance: dg.DagsterInstance, model: str
) -> Iterator[tuple[dg.EventLogRecord, Mapping[str, Any]]]:
    """The history of `model`, the newest first: an instance may have the champions of several targets and names.

    An entry is written by a run; what somebody reported as a materialization, with any metadata, is none.
    """
    cursor, has_more = None, True
    while has_more:
        page = instance.fetch_materializations(key_of(project, CHAMPION), limit=PAGE, cursor=cursor)
        for record in page.records:
            told = values(record)
            if record.run_id and told.get("model_name") == model:
                yield record, told
        cursor, has_more = page.cursor, page.has_more


def linked(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry formatted for people: the training run as a link, numbers rounded."""
    run = entry[TRAINED_IN]
    entry = {name: readable(value) if isinstance(value, float) else value for name, value in entry.items()}
    return {**entry, TRAINED_IN: dg.MetadataValue.dagster_run(run)} if run != UNKNOWN else {**entry}


def values(record: dg.EventLogRecord) -> Mapping[str, Any]:
    """The metadata of a materialization."""
    materialization = record.asset_materialization
    return {key: entry.value for key, entry in materialization.metadata.items()} if materialization else {}


def last_champion(project: Project, instance: dg.DagsterInstance, registry: ModelRegistry) -> int | None:
    """The last champion, when the alias is unset: from the history, else from the registry.

    A step on a cluster has no history: there it is the version with the alias `previous_champion`.
    """
    entry = newest_entry(project, instance, registry.model)
    if entry is not None:
        return entry.version
    previous = registry.holder(PREVIOUS_CHAMPION)
    return previous.version if previous else None
