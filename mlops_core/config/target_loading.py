"""From the bundle's files to the target of a project: of its one model, or of each of several."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import UnionType
from typing import cast, get_args

from pydantic import BaseModel, ValidationError

from mlops_core.config.errors import TargetError, listed
from mlops_core.config.references import Value
from mlops_core.config.settings import BundleSettings, read_bundle
from mlops_core.config.target import ModelTarget, SeveralModelsTarget, Target
from mlops_core.config.workflows import NEVER, Source
from mlops_core.config.workspace_address import WrittenWorkspace
from mlops_core.project import Project
from mlops_core.project.of_a_model import SHARED_UNLESS_STATED, VARIABLES

NOT_VARIABLES = ("name", "root", "workspace", "environment", "sources")
HYPERPARAMETERS = ("model_workflow", "hyperparameters")


def variables_of(project: Project, declared: Collection[str] = ()) -> list[str]:
    """The bundle variables that make a target of the project; `declared` are those that its bundle has."""
    of_models = (name for each in project.each for name in _model_variables(each, declared).values())
    of_sources = (name for each in _source_variables(project).values() for name in each.values())
    return list(dict.fromkeys((*of_models, *of_sources)))


def _model_variables(project: Project, declared: Collection[str]) -> dict[str, str]:
    """Key of a `ModelTarget` -> the variable that says it: of several models one with its short name before it."""
    found = {}
    for key in (field.alias or name for name, field in ModelTarget.model_fields.items() if name not in NOT_VARIABLES):
        own = f"{project.scope}_{key}"
        is_own = key in VARIABLES or (key in SHARED_UNLESS_STATED and own in declared)
        found[key] = own if project.scope and is_own else key
    return found


def _source_variables(project: Project) -> dict[str, dict[str, str]]:
    """Event table -> key of its `Source` -> the variable that says it."""
    return {events.name: {key: events.variable(key) for key in Source.model_fields} for events in project.event_tables}


def load_target(
    project: Project, name: str | None = None, *, environ: Mapping[str, str] = os.environ, folder: Path | None = None
) -> Target:
    """Read the target `name` (else the one of MLOPS_TARGET, else local) from the bundle in `folder`, the project's own.

    Raises:
        TargetError: the files and the environment don't describe such a target.
    """
    if project.part_of:  # what its files say is of all models
        return load_target(project.part_of, name, environ=environ, folder=folder).of(project)
    name = environ.get("MLOPS_TARGET", "local") if name is None else name
    folder = folder or project.folder
    bundle = read_bundle(folder, name, lambda declared: variables_of(project, declared), environ)
    found = {each.scope: _of_model(each, name, bundle, environ) for each in project.each}
    first = next(iter(found.values()))
    if len(found) == 1:
        return first
    _require_own_models(list(found.values()))
    return SeveralModelsTarget(**first.shared, models=found)


def _of_model(project: Project, name: str, bundle: BundleSettings, environ: Mapping[str, str]) -> ModelTarget:
    variables = _model_variables(project, bundle.variables)
    values = {key: bundle.variables[variable] for key, variable in variables.items()}
    sources = _source_variables(project)
    stated = {
        table: {key: bundle.variables[variable].raw for key, variable in each.items()}
        for table, each in sources.items()
    }
    values |= {variable: bundle.variables[variable] for each in sources.values() for variable in each.values()}
    raw = {key: values[key].raw for key in variables}
    of_target = {"name": name, "root": project.root, "environment": bundle.environment, "sources": stated}
    try:
        target = ModelTarget.model_validate(raw | of_target)
    except ValidationError as error:
        raise TargetError(_sentence(error, values)) from None
    _check_workflows(project, target, values)
    return target if target.platform == "local" else _with_workspace(target, bundle.workspace, environ)


def _check_workflows(project: Project, target: ModelTarget, values: Mapping[str, Value]) -> None:
    """What a target says of the model's task and hyperparameters must be theirs."""
    try:
        project.model.task.monitor_metric(metric := target.monitoring_workflow.metric_to_monitor)
    except ValueError as error:
        where = values["monitoring_workflow"].where
        raise TargetError(f"{where}.metric_to_monitor is '{metric}', but {error}.") from None
    _require_labels_awaited(project, target, values["monitoring_workflow"].where)
    _require_own_tables(project, target, values["feature_engineering_workflow"].where)
    try:
        hyperparameters = project.model.training.hyperparameters
        _ = hyperparameters(**target.model_workflow.hyperparameters)
    except ValidationError as error:
        raise TargetError(_sentence(error, values, HYPERPARAMETERS, hyperparameters)) from None
    if (when := target.model_workflow.search) != NEVER and project.model.training.search is None:
        raise TargetError(
            f"{values['model_workflow'].where}.search is '{when}', but '{project.model.name}' declares no search: give "
            "its Training one, or leave the key out."
        )


def _require_labels_awaited(project: Project, target: ModelTarget, where: str) -> None:
    """Refuse a monitoring that would not measure a day again when its labels are decided."""
    label, delay = project.events.label_source, target.monitoring_workflow.label_delay_days
    if label and label.absent is not None and delay < label.days:
        raise TargetError(
            f"{where}.label_delay_days is {delay}, but the labels of {project.events.nouns} are known {label.days} "
            f"days after them, for they are waited for {label.within}: it should be {label.days}."
        )


def _require_own_tables(project: Project, target: ModelTarget, where: str) -> None:
    names = [events.name for events in project.event_tables]
    for name in target.feature_engineering_workflow.max_age_hours:
        if name not in names:
            raise TargetError(
                f"{where}.max_age_hours.{name} is an unknown event table: those of the project are {listed(names)}."
            )


def _require_own_models(targets: Collection[ModelTarget]) -> None:
    """Refuse two models that would register their versions, or serve them, in one another's name."""
    named = [("model_name", target.model_name) for target in targets]
    named += [("endpoint", target.endpoint.name) for target in targets if target.endpoint]
    for what, name in named:
        if named.count((what, name)) > 1:
            raise TargetError(f"Two models of the project have the {what} {name}: give each its own.")


def _with_workspace(target: ModelTarget, written: WrittenWorkspace, environ: Mapping[str, str]) -> ModelTarget:
    address = written.address(environ)
    if address is None:
        fix = "write its URL, name a profile, or set DATABRICKS_HOST"
        raise TargetError(
            f"{written.where['host']} is empty, but a target of the platform databricks needs a value: {fix}."
        )
    return target.model_copy(update={"workspace": address})


def _mapping_at(path: Sequence[str]) -> type[BaseModel]:
    """The type of the target's mapping with this path, where it may be left empty too."""
    found: type[BaseModel] = ModelTarget
    for key in path:
        annotation = found.model_fields[key].annotation
        kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
        found = cast(type[BaseModel], kinds[0])
    return found


def _keys(mapping: type[BaseModel]) -> str:
    required = [name for name, field in mapping.model_fields.items() if field.is_required()]
    optional = [name for name in mapping.model_fields if name not in required]
    if not required or not optional:
        return f"exactly the keys {listed(mapping.model_fields)}"
    return f"the keys {listed(required)}, and may state {listed(optional)}"


def _sentence(
    error: ValidationError,
    values: Mapping[str, Value],
    place: tuple[str, ...] = (),
    model: type[BaseModel] | None = None,
) -> str:
    """The first error, with the place of the value that it is about; a misspelt key rather than the one it left out.

    `place` is where the `model` that was validated stands, when it is not the target itself.
    """
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    context = first.get("ctx", {})
    path = [str(key) for key in (*place, *first["loc"], context.get("key")) if key]
    if path[0] == "sources":
        path = [f"{path[1]}_{path[2]}", *path[3:]]
    where = ".".join((values[path[0]].where, *path[1:]))
    if first["type"] in ("missing", "extra_forbidden"):
        fault = "is missing" if first["type"] == "missing" else "is an unknown key"
        mapping = model or _mapping_at(path[:-1])
        return f"{where} {fault}: the mapping states {_keys(mapping)}."
    given = reduce(lambda value, key: value[key], path[1:], values[path[0]].raw)
    shown = repr(given) if type(given) is str else given
    fault = "is empty" if given in (None, "") else "is [secret]" if path[0] == "secrets" else f"is {shown}"
    message = first["msg"].replace("dictionary", "mapping")  # as YAML calls it
    expected = context.get("sentence") or re.sub(r"^\w+ should", "it should", message)
    return f"{where} {fault}, but {expected}."
