"""The feature tables in the online store that an endpoint looks features up in, where a target has one."""

import dagster as dg

from mlops_core.adapters.feature_store.online import OnlineStoreError
from mlops_core.config import ModelTarget, OnlineStore
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.defs.refusals import Refused
from mlops_core.project import Project

ONLINE = "online_features"


def online_store_of(target: ModelTarget) -> OnlineStore | None:
    """The store that the endpoint looks up in; a laptop has none, for the newest rows are read there."""
    return target.endpoint.online_store if target.endpoint and target.platform == "databricks" else None


def online_features_assets(project: Project, target: ModelTarget) -> list[dg.AssetsDefinition]:
    store = online_store_of(target)
    return [] if store is None else [_online_features(project, target, store)]


def _online_features(project: Project, target: ModelTarget, store: OnlineStore) -> dg.AssetsDefinition:
    names = [table.name for table in project.feature_tables]

    @dg.asset(
        key=key_of(project, ONLINE),
        group_name=project.named("deployment"),
        owners=[target.owner],
        kinds={"databricks", "featuretable"},
        deps=keys_of(project, *names),
        required_resource_keys=needed(project, "step_launcher", "feature_store"),
        code_version="1",
        description=f"The newest row of each key of the feature tables, in the online store `{store.name}`.",
    )
    def online_features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        try:
            published = resources_of(project, context).feature_store.publish(names, store.name, store.capacity)
        except OnlineStoreError as error:
            raise Refused(str(error)) from None
        return dg.MaterializeResult(metadata={"online_store": store.name, "online_tables": ", ".join(published)})

    return online_features
