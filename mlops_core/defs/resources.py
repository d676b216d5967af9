"""The resources of a target: the only place that knows on which platform a target runs."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import environ
from typing import Any

import dagster as dg

from mlops_core.adapters.databricks_client import take_plain_host
from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.local_servers import Ports
from mlops_core.adapters.mlflow_database import database_uri, make_database
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.pages import FolderPages, MlflowPages
from mlops_core.adapters.serving.protocol import ServingEndpoint
from mlops_core.adapters.sources.choice import LocalSources, Sources, TableSource
from mlops_core.adapters.sources.given_path import of_target
from mlops_core.adapters.sources.local_watch import WatchedHere
from mlops_core.adapters.sources.unity_catalog_watch import WatchedTable
from mlops_core.adapters.sources.watched import Watched
from mlops_core.adapters.spark import ClusterSpark, LocalSpark
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.cost import PriceTable
from mlops_core.adapters.step_launcher.settings import LauncherSettings, SecretReference, read_requirements
from mlops_core.adapters.tables import LocalTables, UnityCatalogTables
from mlops_core.config import ON_CLUSTER, ModelTarget, Target, TargetError, link
from mlops_core.defs.ingestion import AS_CONFIGURED
from mlops_core.defs.io_managers import DeltaTableIOManager, ModelAliasIOManager
from mlops_core.defs.names import ProjectResources, needed, resources_of
from mlops_core.defs.provenance import COMMIT_VARIABLE, git_commit
from mlops_core.defs.tables import TableSpec, tables_of
from mlops_core.ingestion.times import EventTimes
from mlops_core.looks_secret import without_secrets
from mlops_core.project import Project
from mlops_core.project.project import folder_of

IMPORTED_FIRST = ("mlflow.models.evaluation.evaluator_registry",)
"""MLflow imports its evaluators, and matplotlib with them, under a lock that imports of other threads need too."""

WATCHING_S = 20.0
"""How long a tick of a sensor waits for a workspace that does not answer: Dagster ends it after a minute."""

REQUIREMENTS_FILES = ("requirements.txt", "requirements-databricks.txt")

Resources = dict[str, dg.ResourceDefinition]


def build_resources(project: Project, target: Target, packages: Sequence[str] = ()) -> Resources:
    """The resources of `target` by their keys; nothing is started or imported before a step asks for it."""
    tables, found = tables_of(project), Resources()
    for each in project.each:
        of_model = target.of(each)
        made = _local(each, of_model) if target.platform == "local" else _databricks(each, of_model, packages)
        found |= {each.named(name): resource for name, resource in (made | _io_managers(each, tables)).items()}
    return found


def _io_managers(project: Project, tables: Mapping[str, TableSpec]) -> Resources:
    aliases = {project.model.name: "candidate", **{project.scoped(name): name for name in ("challenger", "champion")}}
    return {
        "table_io_manager": dg.IOManagerDefinition(
            _building(project, lambda r: DeltaTableIOManager(tables, r.tables, r.feature_store)),
            required_resource_keys=needed(project, "tables", "feature_store"),
        ),
        "model_io_manager": dg.IOManagerDefinition(
            _building(project, lambda r: ModelAliasIOManager(r.model_registry, aliases)),
            required_resource_keys=needed(project, "model_registry"),
        ),
    }


@contextmanager
def adapters(project: Project, target: Target, *names: str) -> Iterator[Any]:
    """Resources by their names without prefix and model, for code that Dagster does not run; `names` with what each
    needs.
    """
    plain = replace(project, prefix="")
    made = build_resources(plain, target)
    with dg.build_resources({plain.named(name): made[plain.named(name)] for name in names}) as resources:
        yield ProjectResources(plain, resources)


def build_executor(project: Project, target: Target) -> dg.ExecutorDefinition:
    """Steps that need no cluster of their own run here one by one; those of a cluster are followed side by side."""
    if target.platform == "local":
        return dg.in_process_executor
    parallel = Compute().overridden(target.compute).parallel_steps
    preloaded = {"preload_modules": [f"{project.package}.preload"]}
    return dg.multiprocess_executor.configured({"max_concurrent": parallel, "start_method": {"forkserver": preloaded}})


def _local(project: Project, target: ModelTarget) -> Resources:
    state, times = target.state_path, _times(project, target)
    database = state / "mlflow" / "mlflow.db"
    ports = Ports.beginning_at(target.ui_port)
    opened = ports.addresses
    folder = ".".join(part for part in (target.schema_name, project.scope) if part)
    registry = ModelRegistry(
        model=target.registered_model,
        experiment=target.experiment,
        tracking_uri=database_uri(database),
        registry_uri=database_uri(database),
        ui=opened["mlflow"],
        artifacts=database.with_name("artifacts"),
        named=project.named,
    )

    def with_database() -> ModelRegistry:
        make_database(database)
        return registry

    return {
        "spark": _built(project, lambda _: LocalSpark(state / "warehouse", target.schema_name)),
        "tables": _built(project, lambda r: LocalTables(r.spark), "spark"),
        "feature_store": _built(project, lambda r: _twin(r.tables, with_database()), "tables"),
        "model_registry": _built(project, lambda _: with_database()),
        "serving_endpoint": _built(project, lambda r: _served_here(target, r.model_registry, ports), "model_registry"),
        "watched_endpoint": _built(project, lambda r: _served_here(target, r.model_registry, ports), "model_registry"),
        "pages": _built(project, lambda _: FolderPages(state / "monitoring", folder, opened["pages"])),
        "sources": _built(project, lambda r: _local_sources(r.spark, target, times), "spark"),
        "watched": _built(project, lambda r: _watched_here(r.sources), "sources"),
        "step_launcher": dg.ResourceDefinition.none_resource("Steps run in the run's own process"),
    }


def _times(project: Project, target: Target) -> Mapping[str, EventTimes]:
    """Event table -> how the times of its source are to be read."""
    return {
        events.name: EventTimes(events.delivered, target.sources[events.name].times) for events in project.event_tables
    }


def _local_sources(spark: LocalSpark, target: Target, times: Mapping[str, EventTimes]) -> Mapping[str, Sources]:
    folder, days = target.state_path / "sources" / target.schema_name, (target.first_day, target.newest_day)
    return {
        name: LocalSources(spark, folder / name, each, *days, of_target(each.events, target))
        for name, each in times.items()
    }


def _table_sources(spark: ClusterSpark, target: Target, times: Mapping[str, EventTimes]) -> Mapping[str, Sources]:
    return {name: TableSource(spark, str(target.sources[name].table), each) for name, each in times.items()}


def _watched_here(sources: Mapping[str, LocalSources]) -> Mapping[str, Watched]:
    return {name: WatchedHere(each, AS_CONFIGURED) for name, each in sources.items()}


def _watched_tables(target: Target, times: Mapping[str, EventTimes]) -> Mapping[str, Watched]:
    workspace = target.workspace_address
    return {name: WatchedTable(workspace, str(target.sources[name].table), each) for name, each in times.items()}


def _twin(tables: LocalTables, registry: ModelRegistry) -> FeatureStore:
    from mlops_core.adapters.feature_store.local import LocalFeatureStore

    return LocalFeatureStore(tables, registry)


def _served_here(target: ModelTarget, registry: ModelRegistry, ports: Ports) -> ServingEndpoint:
    from mlops_core.adapters.serving.local import LocalEndpoint

    name = target.endpoint.name if target.endpoint else target.model_name
    state, schema = target.state_path, target.schema_name
    return LocalEndpoint(name, registry, state / "serving" / schema, state / "warehouse" / schema, ports.serving)


def _served_there(project: Project, target: ModelTarget, patience_s: float | None = None) -> ServingEndpoint:
    from mlops_core.adapters.serving.databricks import DatabricksEndpoint
    from mlops_core.adapters.step_launcher.patient_calls import ClientSource, PatientCalls

    settings, stated, url = launcher_settings(project, target), target.endpoint, target.workspace_address.url
    if stated is None:
        raise TargetError(f"The target {target.name} has no endpoint: give it one in databricks.yml.")
    timing, logger = settings.timing, logging.getLogger(__name__)
    return DatabricksEndpoint(
        stated.name,
        target.registered_model,
        PatientCalls(ClientSource(settings), timing.credentials_s, patience_s or timing.outage_s, logger),
        url=link(url, f"serving-endpoints/{stated.name}/invocations"),
        page=link(url, f"ml/endpoints/{stated.name}"),
        workload_size=stated.workload_size,
        scale_to_zero=stated.scale_to_zero,
        timeout_s=stated.timeout_minutes * 60,
    )


def _databricks(project: Project, target: ModelTarget, packages: Sequence[str]) -> Resources:
    from mlops_core.adapters.feature_store.databricks import DatabricksFeatureStore

    workspace, times = target.workspace_address, _times(project, target)
    take_plain_host(environ)
    signing_in = f"://{workspace.profile}" if workspace.profile else ""
    tracking_uri = environ.get("MLFLOW_TRACKING_URI", f"databricks{signing_in}")
    registry = ModelRegistry(
        model=target.registered_model,
        experiment=target.experiment,
        tracking_uri=tracking_uri,
        registry_uri=environ.get("MLFLOW_REGISTRY_URI", f"databricks-uc{signing_in}"),
        ui=without_secrets(tracking_uri) if tracking_uri.startswith("http") else workspace.url,
        named=project.named,
    )
    return {
        "spark": _built(project, lambda _: ClusterSpark()),
        "tables": _built(project, lambda r: UnityCatalogTables(r.spark, target.catalog, target.schema_name), "spark"),
        "feature_store": _built(project, lambda r: DatabricksFeatureStore(r.tables, registry.registry_uri), "tables"),
        "model_registry": _built(project, lambda _: registry),
        "serving_endpoint": _built(project, lambda _: _served_there(project, target)),
        "watched_endpoint": _built(project, lambda _: _served_there(project, target, WATCHING_S)),
        "pages": _built(project, lambda _: MlflowPages(registry, project.whose)),
        "sources": _built(project, lambda r: _table_sources(r.spark, target, times), "spark"),
        "watched": _built(project, lambda _: _watched_tables(target, times)),
        "step_launcher": _step_launcher(project, target, packages),
    }


def _step_launcher(project: Project, target: Target, packages: Sequence[str]) -> dg.ResourceDefinition:
    from mlops_core.adapters.step_launcher.launcher import step_launcher_resource
    from mlops_core.adapters.step_launcher.stock import stock_step_launcher

    launchers = {"unity_catalog": step_launcher_resource, "databricks_pyspark": stock_step_launcher}
    return launchers[target.step_launcher](launcher_settings(project, target, packages))


def launcher_settings(project: Project, target: Target, packages: Sequence[str] = ()) -> LauncherSettings:
    """What `target` says about its step launcher.

    The cluster reads the target anew, so what the environment here puts over it (a variable, MLflow) goes there too,
    unless the cluster has it as a secret.
    """
    workspace = target.workspace_address
    of_mlflow = {name: environ[name] for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI") if name in environ}
    overrides = {**target.environment, **of_mlflow, ON_CLUSTER: workspace.url}
    return LauncherSettings(
        volume=target.staging_volume,
        compute=Compute().overridden(target.compute),
        packages=(project.folder, *map(folder_of, packages)),
        requirements=tuple(line for file in REQUIREMENTS_FILES for line in read_requirements(project.folder / file)),
        imports=IMPORTED_FIRST,
        environment={
            "MLOPS_TARGET": target.name,
            COMMIT_VARIABLE: git_commit(target.root),
            **{name: value for name, value in overrides.items() if name not in target.secrets},
        },
        secrets=tuple(SecretReference(name, *path.split("/")) for name, path in target.secrets.items()),
        prices=PriceTable(**target.prices.model_dump()),
        workspace=workspace,
    )


def _built(project: Project, build: Callable[[Any], Any], *needs: str) -> dg.ResourceDefinition:
    """A resource that is built once per step process, from the resources that it needs."""
    return dg.ResourceDefinition(_building(project, build), required_resource_keys=needed(project, *needs))


def _building(project: Project, build: Callable[[Any], Any]) -> Callable[[dg.InitResourceContext], Any]:
    return lambda context: build(resources_of(project, context))
