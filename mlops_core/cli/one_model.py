"""The option `--model` of commands that are about one model."""

from __future__ import annotations

import click

from mlops_core.project import DeclarationError, Project

model_option = click.option(
    "--model", default=None, help="The model, where the project has several: by its name, or short name"
)


def project_of(project: Project, model: str | None) -> Project:
    """The project of the model that is asked about; of its only one, where none is named.

    Raises:
        click.UsageError: it has several and none is named, or it has none of this name.
    """
    try:
        return project.of(project.model.name if model is None else model)
    except DeclarationError as error:
        raise click.UsageError(f"Say --model. {error}") from None
