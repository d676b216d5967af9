"""The history of champions, which is that of the materializations of the asset `champion`."""

from dataclasses import dataclass

import dagster as dg

from my_mlops_stacks.adapters.model_registry import ModelRegistry
from my_mlops_stacks.deployment.model_deployment.promotion import PREVIOUS_CHAMPION

CHAMPION = dg.AssetKey("champion")


@dataclass(frozen=True)
class Entry:
    """That `version` became champion in the Dagster run `run`; `rescore_from` is the first day to predict again."""

    version: int
    run: str
    rescore_from: str | None


def newest_entry(instance: dg.DagsterInstance, model: str) -> Entry | None:
    """What Dagster did last with the champion of `model`; None when it never made one."""
    recorded = instance.get_latest_materialization_event(CHAMPION)
    if recorded is None or recorded.asset_materialization is None:
        return None
    told = {name: found.value for name, found in recorded.asset_materialization.metadata.items()}
    if told.get("model_name") != model:  # an instance may have the champions of several targets
        return None
    return Entry(int(told["version"]), recorded.run_id, told.get("rescore_from"))


def last_champion(instance: dg.DagsterInstance, registry: ModelRegistry) -> int | None:
    """Who was champion last, for when nobody holds the alias: as Dagster knows it, else as the registry does.

    A step on a cluster has no history: there it is the version that holds the alias `previous_champion`.
    """
    entry = newest_entry(instance, registry.model)
    if entry is not None:
        return entry.version
    previous = registry.holder(PREVIOUS_CHAMPION)
    return previous.version if previous else None
