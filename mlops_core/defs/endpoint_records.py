"""What runs have recorded of an endpoint: the metadata of its asset's events."""

from itertools import chain
from time import time
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.config import Endpoint
from mlops_core.defs.names import key_of
from mlops_core.defs.promotion_history import newest_entry
from mlops_core.deployment.canary import Canary, Recorded
from mlops_core.deployment.traffic import Traffic
from mlops_core.project import Project

ASSET, SAMPLE = "endpoint", "endpoint_sample"
FEW = 20
"""Number of the newest events that are searched: others are reports of what was moved by hand."""


def told(endpoint: str, model: str, traffic: Traffic, since: float | None = None) -> dict[str, Any]:
    """The metadata that says with which traffic an endpoint was left, and since when it has served it."""
    canary = {"canary_version": traffic.challenger, "canary_percent": traffic.challenger_percent}
    return {
        "endpoint": endpoint,
        "model_name": model,
        "served_version": traffic.champion,
        **(canary if traffic.challenger is not None else {}),
        "serving_since": dg.MetadataValue.timestamp(since or time()),
    }


def last_left(project: Project, instance: dg.DagsterInstance, endpoint: str, model: str) -> Recorded | None:
    """With which traffic a run left the endpoint last; None when none did."""
    key = key_of(project, ASSET)
    found = (instance.fetch_materializations(key, limit=FEW), instance.fetch_observations(key, limit=FEW))
    records = sorted(chain(*(page.records for page in found)), key=lambda record: record.storage_id, reverse=True)
    each = (_recorded(record, endpoint, model) for record in records)
    return next((one for one in each if one), None)


def _recorded(record: dg.EventLogRecord, endpoint: str, model: str) -> Recorded | None:
    event = record.asset_materialization or record.asset_observation
    metadata = event.metadata if event else {}
    served = recorded(metadata, "served_version", int)
    if served is None or (metadata["endpoint"].value, metadata["model_name"].value) != (endpoint, model):
        return None
    challenger, percent = recorded(metadata, "canary_version", int), recorded(metadata, "canary_percent", int)
    since = recorded(metadata, "serving_since", float) or record.timestamp
    return Recorded(Traffic(served, challenger, percent or 0), since)


def canary_of(project: Project, instance: dg.DagsterInstance, stated: Endpoint, champion: ModelVersion) -> Canary:
    """The canary of a version that was promoted; none of one that was rolled back to, or that was moved by hand."""
    entry = newest_entry(project, instance, champion.name)
    is_promoted = entry is not None and entry.version == champion.version and not entry.is_rollback
    return Canary(stated.canary_percent, stated.canary_minutes) if is_promoted else Canary()
