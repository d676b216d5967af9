"""A project as a component of Dagster's `dg`: `dg scaffold defs mlops_core.component.ProjectComponent churn`.

Only `dg` imports this, by the entry point of setup.cfg: a code location of its own needs no component.
"""

import importlib

import dagster as dg
from pydantic import BaseModel, Field

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.project import Project


class ProjectNotFoundError(LookupError):
    """What a component names as its project is none."""


class ProjectParams(BaseModel):
    """What may be said when the component is scaffolded."""

    project: str | None = Field(None, description="The declared Project, else <name>.project.PROJECT")


class ProjectScaffolder(dg.Scaffolder[ProjectParams]):
    """Writes a defs.yaml that takes its names from the folder that it lies in."""

    @classmethod
    def get_scaffold_params(cls) -> type[ProjectParams]:
        return ProjectParams

    def scaffold(self, request: dg.ScaffoldRequest[ProjectParams]) -> None:
        name = request.target_path.name
        declared = request.params.project or f"{name}.project.PROJECT"
        dg.scaffold_component(request, {"project": declared, "prefix": name})


@dg.scaffold_with(ProjectScaffolder)
class ProjectComponent(dg.Component, dg.Model, dg.Resolvable):
    """A project of mlops_core: its feature tables, model, champion, predictions and monitoring."""

    project: str = Field(description="The declared Project, such as churn.project.PROJECT")
    prefix: str | None = Field(None, description="What its names begin with; else the project's own prefix")
    target: str | None = Field(None, description="Target of its databricks.yml; else that of MLOPS_TARGET, else local")

    packages: list[str] = Field(
        default_factory=list, description="Import packages of this code location, for steps on Databricks"
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        project = declared_project(self.project)
        prefix = project.prefix if self.prefix is None else self.prefix
        return definitions_of(project, load_target(project, self.target), prefix, packages=self.packages)


def declared_project(path: str) -> Project:
    """The project at a dotted path.

    Raises:
        ProjectNotFoundError: there is none.
    """
    module, _, name = path.rpartition(".")
    fix = "name the Project of a package that can be imported here, such as churn.project.PROJECT"
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ProjectNotFoundError(f"There is no project '{path}' ({error}): {fix}.") from None
    if not isinstance(found, Project):
        raise ProjectNotFoundError(f"'{path}' is a {type(found).__name__} and no project: {fix}.")
    return found
