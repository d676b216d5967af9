"""What has to hold between the parts of a declaration, each mistake in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mlops_core.project.columns import DeclarationError
from mlops_core.project.names import require_columns

if TYPE_CHECKING:
    from mlops_core.project.events import EventTable
    from mlops_core.project.model import Training, Validation
    from mlops_core.project.project import Project

RESERVED_TABLES = (
    "challenger",
    "champion",
    "inference_drift_metrics",
    "inference_profile_metrics",
    "monitoring_report",
    "predictions",
)
"""The assets and tables of every project."""

LONGEST_PREFIX = 50
PREFIX = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_PREFIX - 1}}}")

REASON = "reason"
"""The column of rejected events that says why they are."""

OF_PREDICTIONS = ("model_name", "model_version", "prediction_time", "day")
"""What stands beside a prediction, whatever its task."""


def require_all(values: object, kind: type | tuple[type, ...], place: str) -> None:
    """Refuse what is no tuple (or list) of `kind`: a comma is easily forgotten.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wanted = " or ".join(each.__name__ for each in kinds)
    if not isinstance(values, tuple | list):
        raise DeclarationError(f"{place} must be a tuple of {wanted}, such as (a, b) or (a,), not {values!r}.")
    for value in values:
        if not isinstance(value, kinds):
            raise DeclarationError(f"{place} must hold {wanted} only, not {value!r}.")


def require_prefix(value: object, place: str) -> None:
    """Refuse what can't begin an asset's key, a job's name and a resource's key; the empty text is none.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    if not isinstance(value, str) or (value and not PREFIX.fullmatch(value)):
        raise DeclarationError(
            f"{place} is {value!r}, but names in Dagster begin with a letter and have the letters a to z, digits and "
            f"underscores only: write one of at most {LONGEST_PREFIX} of them, such as 'churn'."
        )


def require_duration(value: object, place: str) -> None:
    """Refuse a number, which could be days or seconds.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    if not isinstance(value, timedelta):
        raise DeclarationError(f"{place} must be a timedelta, such as timedelta(days=2), not {value!r}.")


def require_function(value: object, place: str) -> None:
    """Refuse what can't be called.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    if not callable(value):
        raise DeclarationError(f"{place} must be a function, not {value!r}.")


def check_zone(name: str, place: str) -> None:
    """Refuse a time zone that there is not."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or a folder of zones
        raise DeclarationError(
            f"{place}: there is no time zone '{name}'; name one as 'Europe/Berlin', or 'UTC' for moments."
        ) from None


def check_roles(events: EventTable, place: str) -> None:
    """Refuse a column in two roles."""
    if events.label in (events.event_time, events.known_at, *events.identity):
        raise DeclarationError(f"{place}: '{events.label}' can't be the label too: it is a time, or identifies events.")


def check_training(training: Training) -> None:
    """Refuse what could only fail when a model is trained."""
    for name in ("fit", "predict", *(["importance"] if training.importance else [])):
        require_function(getattr(training, name), f"Training, {name}")
    require_all(training.packages, str, "Training, packages")
    kind: Any = training.hyperparameters
    fields = getattr(kind, "model_fields", None)
    if not isinstance(kind, type) or fields is None:
        raise DeclarationError(f"Training, hyperparameters must be a class of pydantic's BaseModel, not {kind!r}.")
    for name in ("holdout_days", "training_days"):
        if name in fields:
            raise DeclarationError(f"Training: a hyperparameter can't be called '{name}', which says what is held out.")


def check_functions(validation: Validation, names: Iterable[str]) -> None:
    """Refuse a value where a function is asked for that gives it."""
    for name in names:
        require_function(getattr(validation, name), f"Validation, {name}")


def check_label(project: Project) -> None:
    """Refuse a label whose type the task can't learn."""
    events, task = project.events, project.model.task
    column = events.column(events.label_column)
    if column.type not in task.label_types:
        raise DeclarationError(
            f"EventTable '{events.name}': the label '{column.name}' is a {column.type}, and a {type(task).__name__} "
            f"learns {', '.join(task.label_types)}: name a column of such a type, computed_by it."
        )


def check_tables(project: Project) -> None:
    """Refuse names that the pipeline has for its own."""
    made = {name for events in project.event_tables for name in (events.rejected_name, events.raw_name)}
    tables = [events.name for events in project.event_tables] + [table.name for table in project.feature_tables]
    for name in (*tables, project.model.name):
        if name in made or name in RESERVED_TABLES:
            raise DeclarationError(f"No table or model of a project can be called '{name}', which the pipeline makes.")


def check_predictions(project: Project) -> None:
    """Refuse an input, a feature or a carried column that something else in the table of predictions is called."""
    outputs = (output.name for output in project.model.task.outputs)
    columns = dict.fromkeys((*project.input_columns, *project.carried))
    beside = (*columns, *project.looked_up, *outputs, *OF_PREDICTIONS)
    require_columns(beside, f"The predictions of '{project.model.name}'")
    label = project.events.label_column
    if label in beside:
        raise DeclarationError(f"An input or feature of '{project.model.name}' is called as the label: '{label}'.")


def check_own_inputs(project: Project) -> None:
    """Refuse a computed input that hides another column of the event, and one that stands twice."""
    names = project.events.types
    time = project.events.event_time
    require_columns((time, *(column.name for column in project.inputs)), f"Time and inputs of '{project.model.name}'")
    for column in project.inputs:
        if column.name in names and column is not project.events.column(column.name):
            raise DeclarationError(
                f"Input '{column.name}' is computed and called as a column of the {project.events.nouns}: rename it."
            )


def check_slices(project: Project) -> None:
    """Refuse slices by the hour of no time and by bands of no number."""
    for each in project.model.slices:
        kind = project.events.types[each.column]
        if kind not in each.column_types:
            raise DeclarationError(
                f"Slice '{each.name}': '{each.column}' is a {kind}, and a {type(each).__name__} goes by "
                f"{', '.join(each.column_types)}."
            )


def check_project(project: Project) -> None:
    """All that events, feature tables and model have to hold together."""
    for check in (check_label, check_tables, check_own_inputs, check_predictions, check_slices):
        check(project)
