"""What the parts of a project are called in Dagster: its prefix keeps them apart from those of other projects.

With a prefix a key is `prefix/name`, an op `prefix__name`, as Dagster calls that of an asset, and everything else
`prefix_name`: jobs, schedules, sensors, resources, groups. A table has the last part of its asset's key for a name.
What each of several models has begins with the model's short name: `prefix/spam_champion`, `prefix_spam_rollback_job`.
"""

from collections.abc import Container
from typing import Any, Protocol

import dagster as dg

from mlops_core.project import Project


def key_of(project: Project, asset: str) -> dg.AssetKey:
    name = project.scoped(asset)
    return dg.AssetKey([project.prefix, name] if project.prefix else name)


def keys_of(project: Project, *assets: str) -> list[dg.AssetKey]:
    return [key_of(project, asset) for asset in assets]


def check_of(project: Project, asset: str, check: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(key_of(project, asset), check)


def op_of(project: Project, name: str) -> str:
    """The name of an op, or of an asset's: in step keys and in run config."""
    return key_of(project, name).to_python_identifier()


def titled(project: Project, title: str) -> str:
    """The title of an alert, which says whose it is."""
    whose = ", ".join(part for part in (project.prefix, project.scope) if part)
    return f"{whose}: {title}" if whose else title


def is_own(project: Project, run: dg.DagsterRun, jobs: Container[str]) -> bool:
    """Whether the run is one of these jobs of the project, or of assets or checks of it; without a prefix every one."""
    checked = (check.asset_key for check in run.asset_check_selection or ())
    chosen = (*(run.asset_selection or ()), *checked)
    return not project.prefix or run.job_name in jobs or any(key.path[0] == project.prefix for key in chosen)


def needed(project: Project, *resources: str) -> set[str]:
    """The keys of the resources of these names."""
    return {project.named(name) for name in resources}


class HasResources(Protocol):
    @property
    def resources(self) -> Any: ...


class ProjectResources:
    """The resources of a context by the names that they have without a prefix."""

    def __init__(self, project: Project, resources: Any) -> None:
        self._project, self._resources = project, resources

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resources, self._project.named(name))


def resources_of(project: Project, context: HasResources) -> ProjectResources:
    return ProjectResources(project, context.resources)
