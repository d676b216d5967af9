"""What has to hold between the parts of a declaration, each mistake in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mlops_core.project.columns import DeclarationError, choices, require_known
from mlops_core.project.early_stopping import check_early_stopping
from mlops_core.project.names import require_columns
from mlops_core.project.of_a_model import ASSETS, SCOPED
from mlops_core.project.search import check_space
from mlops_core.project.segments import SEGMENT_TYPES
from mlops_core.project.xgboost import check_trainer

if TYPE_CHECKING:
    from mlops_core.project.events import EventTable
    from mlops_core.project.model import Training, Validation
    from mlops_core.project.project import Project

OF_A_TRAINING = ("holdout_days", "training_days", "search", "search_trials", "search_minutes")
"""What the launch of a training asks for beside the hyperparameters."""

LONGEST_PREFIX = 50
PREFIX = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_PREFIX - 1}}}")

MIN_TRAINING_ROWS = 100
"""Of fewer a training learns nothing that a gate could judge."""

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


def require_kind(value: object, kinds: tuple[type, ...], place: str) -> None:
    """Refuse what is none of `kinds`, such as a class in place of an object.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    if not isinstance(value, kinds):
        name = kinds[0].__name__
        raise DeclarationError(f"{place} must be {'an' if name[0] in 'AEIOUX' else 'a'} {name}, not {value!r}.")


def require_function(value: object, place: str) -> None:
    """Refuse what can't be called.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    if not callable(value):
        raise DeclarationError(f"{place} must be a function, not {value!r}.")


def require_rows(value: object, least: int, place: str) -> None:
    """Refuse what is no number of rows from `least` on.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise DeclarationError(f"{place} must be a whole number of rows, at least {least:,}, not {value!r}.")


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
    for name in events.outcome[1:]:
        if name in (events.event_time, events.known_at, *events.identity):
            raise DeclarationError(f"{place}: '{name}' can't be the label too: it is a time, or identifies events.")


def check_training(training: Training) -> None:
    """Refuse what could only fail when a model is trained."""
    stated = [name for name in ("importance", "contributions") if getattr(training, name) is not None]
    for name in ("fit", "predict", *stated):
        require_function(getattr(training, name), f"Training, {name}")
    require_all(training.packages, str, "Training, packages")
    require_rows(training.max_rows, MIN_TRAINING_ROWS, "Training, max_rows")
    kind: Any = training.hyperparameters
    fields = getattr(kind, "model_fields", None)
    if not isinstance(kind, type) or fields is None:
        raise DeclarationError(f"Training, hyperparameters must be a class of pydantic's BaseModel, not {kind!r}.")
    for name in OF_A_TRAINING:
        if name in fields:
            raise DeclarationError(
                f"Training: a hyperparameter can't be called '{name}', which a launch asks for itself."
            )
    if training.search is not None:
        check_space(training.search, kind)
    if training.early_stopping is not None:
        check_early_stopping(training.early_stopping, training.fit, kind, training.search)


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


def check_models(project: Project) -> None:
    """Refuse a project without a model, models that can't be told apart, and a label that no event has."""
    place = f"Project '{project.package}'"
    if not project.models:
        raise DeclarationError(f"{place}, models names none: declare what predicts, such as models=(CHURN,).")
    for name in project.short_names:
        if project.short_names.count(name) > 1:
            raise DeclarationError(
                f"{place}: two models are called '{name}' for short, which is what their assets and tables begin with: "
                "rename one of them."
            )
    events = project.events
    for model in (each for each in project.models if each.label):
        require_known([model.label], events.types, f"Model '{model.name}', label")
        require_known([model.known_at] if model.known_at else [], events.types, f"Model '{model.name}', known_at")
        if model.label in (events.event_time, events.known_at, *events.identity):
            raise DeclarationError(
                f"Model '{model.name}', label: '{model.label}' is a time, or identifies events: name another column."
            )


def check_tables(project: Project) -> None:
    """Refuse names that stand twice, and those that the pipeline has for its own."""
    tables = [events.name for events in project.event_tables] + [table.name for table in project.feature_tables]
    names = [*tables, *(model.name for model in project.models)]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"Two tables or models of the project are called '{name}': rename one of them.")
    made = {name for events in project.event_tables for name in (events.rejected_name, events.raw_name)}
    of_models = (
        {f"{scope}_{asset}" for scope in project.short_names for asset in ASSETS} if len(project.models) > 1 else set()
    )
    for name in names:
        if name in made | of_models | SCOPED:
            raise DeclarationError(f"No table or model of a project can be called '{name}', which the pipeline makes.")


def check_zones(project: Project) -> None:
    """Refuse features on another clock than the events that look them up."""
    zone = project.events.time_zone
    for table in project.feature_tables:
        for events in (each for each in table.sources if each.time_zone != zone):
            raise DeclarationError(
                f"Feature table '{table.name}': its {events.nouns} have the wall clock of {events.time_zone}, and the "
                f"{project.events.nouns} that look them up that of {zone}: declare one time_zone; "
                f"'{events.variable('times')}' says what zone their source has."
            )


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


def check_categories(project: Project) -> None:
    """Refuse categories of an encoding that are no whole numbers of the model's inputs."""
    encoding, place = project.model.training.encoding, "Encoding, categories"
    seen = {name: kind for name, (kind, _) in project.predicted_columns.items() if name != project.events.event_time}
    if encoding:
        require_known(encoding.categories, seen, place)
        for name in encoding.categories:
            if seen[name] not in ("int", "bigint", "string"):
                raise DeclarationError(f"{place}: '{name}' is a {seen[name]}; texts and whole numbers are names.")


def check_segments(project: Project) -> None:
    """Refuse segments by what the model does not see of an event, or by what has no few values."""
    segments, place = project.model.by_segment, f"Model '{project.model.name}', segments"
    if not segments:
        return
    inputs = {column.name: column.type for column in project.inputs if column.name in project.events.types}
    known = [name for name, kind in inputs.items() if kind in SEGMENT_TYPES]
    if segments.column not in known:
        raise DeclarationError(
            f"{place}: '{segments.column}' is no input that is a text, a boolean or a whole number of the "
            f"{project.events.nouns}; {choices(known)}"
        )


def check_project(project: Project) -> None:
    """All that events, feature tables and model have to hold together."""
    checks = (
        check_label,
        check_zones,
        check_own_inputs,
        check_predictions,
        check_categories,
        check_slices,
        check_trainer,
    )
    for check in checks:
        check(project)
